"""Blocks of the risk page: scores of open lines, rule hits of the ledger, credit, model figures."""

import json
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import select

from app_streamlit.queries.access import read_newest
from app_streamlit.queries.edition import Edition, frame, has_table, rows
from connectors.database.engine import open_database
from connectors.database.schema import approvals
from connectors.settings import load_settings
from orchestration.access.decisions import as_seen, permitted_decisions
from orchestration.decisions import ledger
from orchestration.decisions.rulebook import list_rules

LISTED = 300
RETURN_RISK = "return_risk"
RISK_KINDS = ("approval", "review", "freeze", "escalate", "alert")
WAITING = ("awaiting_approval", "proposed", "held")
_FRESH_SECONDS = 5
_RETURN_FIGURES = """
    select
        metric, value, baseline_name, baseline_value, window_start, window_end, row_count,
        model_version
    from return_risk_evaluations
    where business = $business and model = $model
    order by metric, baseline_name
"""
_ORDER_FIGURES = _RETURN_FIGURES.replace("return_risk_evaluations", "order_risk_evaluations")
_DECISION_COLUMNS = (
    "decision_id",
    "order_key",
    "state",
    "amount",
    "currency_code",
    "message_en",
    "message_zh",
    "rule_name_en",
    "rule_name_zh",
    "role",
    "due_at",
    "created_at",
)


@st.cache_data(max_entries=32, show_spinner=False)
def load_risky_lines(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Open order lines with a return risk, those above the model's threshold first, by money."""
    if not has_table(edition, "return_risk_scores"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            orders.order_no, orders.channel, lines.sku, scores.risk_score,
            scores.is_above_threshold, scores.reasons_en, scores.reasons_zh,
            lines.line_amount, lines.currency_code, orders.created_at, scores.model_version
        from return_risk_scores as scores
        inner join fct_order_lines as lines
            on scores.order_key = lines.order_key and scores.line_no = lines.line_no
        inner join fct_orders as orders on scores.order_key = orders.order_key
        where scores.business = $business and ($channel is null or orders.channel = $channel)
        order by
            scores.is_above_threshold desc, scores.risk_score * lines.line_amount desc,
            scores.order_key, scores.line_no
        limit $limit
        """,
        {"business": business, "channel": channel, "limit": LISTED},
    )


@st.cache_data(max_entries=32, show_spinner=False)
def load_suspected_orders(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Open orders that may be fraud, those worth a look only, by the money that is at stake."""
    return _load_risky_orders(edition, business, channel, risk="fraud", is_listed_only=True)


@st.cache_data(max_entries=32, show_spinner=False)
def load_unpaid_orders(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Orders that wait for their payment with the probability that it never comes."""
    return _load_risky_orders(edition, business, channel, risk="non_payment", is_listed_only=False)


def _load_risky_orders(
    edition: Edition, business: str, channel: str | None, *, risk: str, is_listed_only: bool
) -> pd.DataFrame:
    if not has_table(edition, "order_risk_scores"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            scores.order_key, orders.order_no, orders.channel, scores.risk_score,
            scores.is_above_threshold, scores.reasons_en, scores.reasons_zh, orders.gross_amount,
            (scores.risk_score * orders.gross_amount)::decimal(18, 2) as expected_loss_amount,
            orders.currency_code, orders.created_at, scores.decided_at, scores.model_version
        from order_risk_scores as scores
        inner join fct_orders as orders on scores.order_key = orders.order_key
        where
            scores.business = $business and scores.risk = $risk
            and ($channel is null or orders.channel = $channel)
            and (scores.is_above_threshold or not $is_listed_only)
        order by
            scores.is_above_threshold desc, scores.risk_score * orders.gross_amount desc,
            scores.order_key
        limit $limit
        """,
        {
            "business": business,
            "channel": channel,
            "risk": risk,
            "is_listed_only": is_listed_only,
            "limit": LISTED,
        },
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_list_days(edition: Edition, business: str, risk: str) -> pd.DataFrame:
    """One row a whole day: what its list of what would go wrong was worth."""
    if not has_table(edition, "order_risk_days"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            answered_on, answered_count, event_count, listed_count, hit_count, threshold,
            squared_error / nullif(answered_count, 0) as brier_score,
            challenger_squared_error / nullif(answered_count, 0) as challenger_brier_score
        from order_risk_days
        where business = $business and risk = $risk
        order by answered_on desc
        """,
        {"business": business, "risk": risk},
    )


@st.cache_data(max_entries=32, show_spinner=False)
def load_exposures(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Customers on credit: those over their limit first, then those with least left of it."""
    if not has_table(edition, "fct_customer_exposures"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            customer_key, channel, exposure_amount, credit_limit, headroom_amount, is_over_limit,
            open_receivable_amount, open_order_amount, unapplied_amount, payment_terms_days,
            currency_code
        from fct_customer_exposures
        where business = $business and ($channel is null or channel = $channel)
          and exposure_amount > 0
        order by is_over_limit desc, headroom_amount, customer_key
        limit $limit
        """,
        {"business": business, "channel": channel, "limit": LISTED},
    )


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=8, show_spinner=False)
def load_rule_hits(edition: Edition, business: str) -> pd.DataFrame:
    """Decisions about open orders and customers of a business, those that wait first, by money."""
    engine = open_database(load_settings())
    found = [
        (as_seen(decision, edition.sight), _subject(decision.subject))
        for kind in RISK_KINDS
        for decision in permitted_decisions(
            ledger.list_decisions(engine, kind=kind, limit=LISTED), edition.sight, read_newest
        )
    ]
    orders = {str(key) for _, subject in found if (key := subject.get("order_key"))}
    open_orders = _open_orders(edition, business, sorted(orders))
    names = {rule.rule_id: rule.definition.name for rule in list_rules(engine)}
    with engine.connect() as connection:
        asked = {
            row.decision_id: row
            for row in connection.execute(select(approvals).where(approvals.c.state == "awaiting"))
        }
    hits: list[dict[str, Any]] = []
    for decision, subject in found:
        order, customer = subject.get("order_key"), subject.get("customer_key")
        of_business = decision.explanation.get("business") == business
        if (order not in open_orders) if order else not (customer and of_business):
            continue
        approval, name = asked.get(decision.decision_id), names.get(decision.rule_id)
        hits.append(
            {
                "decision_id": decision.decision_id,
                "order_key": order,
                "state": decision.state,
                "amount": decision.amount,
                "currency_code": decision.currency_code,
                "message_en": decision.message.get("en", ""),
                "message_zh": decision.message.get("zh", decision.message.get("en", "")),
                "rule_name_en": name.en if name else None,
                "rule_name_zh": name.zh if name else None,
                "role": approval.role if approval is not None else None,
                "due_at": approval.due_at if approval is not None else None,
                "created_at": decision.created_at,
            }
        )
    hits.sort(key=lambda hit: (hit["role"] is None, -(hit["amount"] or 0), hit["decision_id"]))
    return pd.DataFrame(hits, columns=list(_DECISION_COLUMNS), dtype=object)


def _open_orders(edition: Edition, business: str, keys: list[str]) -> set[str]:
    if not keys:
        return set()
    found = rows(
        edition,
        "select order_key from fct_orders where business = $business "
        "and list_contains($keys, order_key) "
        "and order_status not in ('completed', 'cancelled')",
        {"business": business, "keys": keys},
    )
    return {str(row["order_key"]) for row in found}


def _subject(text: str) -> dict[str, Any]:
    try:
        subject = json.loads(text)
    except ValueError:
        return {}
    return subject if isinstance(subject, dict) else {}


@st.cache_data(max_entries=16, show_spinner=False)
def load_model_figures(edition: Edition, business: str, model: str) -> pd.DataFrame:
    """One row a figure of a risk's model beside each of the candidates it has to beat."""
    is_return = model == RETURN_RISK
    if not has_table(edition, "return_risk_evaluations" if is_return else "order_risk_evaluations"):
        return pd.DataFrame()
    return frame(
        edition,
        _RETURN_FIGURES if is_return else _ORDER_FIGURES,
        {"business": business, "model": model},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_model_versions(edition: Edition, business: str) -> pd.DataFrame:
    """One row a version of the business's models, the newest first."""
    if not has_table(edition, "model_versions"):
        return pd.DataFrame()
    return frame(
        edition,
        "select model, model_version, learner, in_use, is_promoted, reason, registered_at, report "
        "from model_versions where business = $business "
        "order by registered_at desc, model, model_version",
        {"business": business},
    )


def report_part(report: object, part: str) -> pd.DataFrame:
    """A table of a model's report, such as its calibration or its slices; empty when absent."""
    try:
        read = json.loads(str(report))
    except ValueError:
        return pd.DataFrame()
    return pd.DataFrame(read.get(part) or []) if isinstance(read, dict) else pd.DataFrame()
