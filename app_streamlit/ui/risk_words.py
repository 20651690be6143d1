"""The words of risk: lines, rule hits, credit and the model that scores."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import ICONS
from app_streamlit.queries.rates import share
from app_streamlit.queries.risk import WAITING
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.customer_words import customer_label
from app_streamlit.ui.decision_words import in_words, sentence_reader, state_label
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column

VIEWS = ("queue", "credit", "model")


def headline(
    context: PageContext, label: str, lines: pd.DataFrame, hits: pd.DataFrame, credit: pd.DataFrame
) -> str:
    """How many lines, rule hits and customers need a look, and what is at stake."""
    t = context.t
    risky = lines[lines["is_above_threshold"].astype(bool)] if len(lines) else lines
    over = int(credit["is_over_limit"].sum()) if len(credit) else 0
    amounts: dict[str, Decimal] = {}
    for found, column in ((risky, "line_amount"), (hits, "amount")):
        for row in found.to_dict("records"):
            if row[column] is not None:
                code = str(row["currency_code"])
                amounts[code] = amounts.get(code, Decimal(0)) + Decimal(str(row[column]))
    worth = t("punctuation.list").join(
        formats.money(amount, code) for code, amount in sorted(amounts.items())
    )
    return t(
        "risk.headline",
        business=label,
        lines=formats.count(len(risky)),
        hits=formats.count(len(hits)),
        over=formats.count(over),
        worth=worth or formats.EMPTY,
    )


def queue_frame(
    context: PageContext, lines: pd.DataFrame, hits: pd.DataFrame, credit: pd.DataFrame
) -> pd.DataFrame:
    """Everything that needs a look in one list: what waits for a person, then by money."""
    t, read = context.t, sentence_reader(context)
    queue: list[dict[str, Any]] = [
        {
            "what": t("risk.what.hit"),
            "about": read(row[f"message_{context.language}"]),
            "score": None,
            "why": row[f"rule_name_{context.language}"],
            "amount": row["amount"],
            "currency_code": row["currency_code"],
            "state": state_label(context, str(row["state"])),
            "_rank": 0 if row["role"] is not None else 1,
        }
        for row in hits.to_dict("records")
    ]
    queue += [
        {
            "what": t("risk.what.line"),
            "about": f"{row['order_no']} · {row['sku']}",
            "score": row["risk_score"],
            "why": row[f"reasons_{context.language}"],
            "amount": row["line_amount"],
            "currency_code": row["currency_code"],
            "state": t("risk.above") if row["is_above_threshold"] else t("risk.below"),
            "_rank": 1 if row["is_above_threshold"] else 2,
        }
        for row in lines.to_dict("records")
    ]
    queue += [
        {
            "what": t("risk.what.credit"),
            "about": customer_label(row["customer_key"]),
            "score": None,
            "why": _credit_words(context, row),
            "amount": row["exposure_amount"],
            "currency_code": row["currency_code"],
            "state": f"{ICONS['red']} {t('risk.over_limit')}",
            "_rank": 1,
        }
        for row in credit.to_dict("records")
        if row["is_over_limit"]
    ]
    queue.sort(key=lambda row: (row["_rank"], -(row["amount"] or 0)))
    columns = ["what", "about", "score", "why", "amount", "currency_code", "state"]
    return pd.DataFrame(queue, columns=columns)


def _credit_words(context: PageContext, row: Mapping[Any, Any]) -> str:
    return context.t(
        "risk.uses",
        rate=formats.rate(share(row["exposure_amount"], row["credit_limit"])),
        limit=formats.money(row["credit_limit"], str(row["currency_code"])),
    )


QUEUE_COLUMNS = (
    Column("what", label="kind"),
    Column("state"),
    Column("amount", "money", label="at_stake"),
    Column("currency_code", label="currency"),
    Column("score", "rate", label="risk_score"),
    Column("about", label="subject"),
    Column("why", label="because"),
)


def waiting_only(hits: pd.DataFrame) -> pd.DataFrame:
    """The rule hits that a person can still answer."""
    waiting: pd.DataFrame = hits[hits["state"].isin(WAITING)]
    return waiting


def hit_name(context: PageContext, hits: pd.DataFrame, decision_id: str) -> str:
    """One line that tells a rule hit from its neighbours."""
    row = hits[hits["decision_id"] == decision_id].iloc[0]
    message = in_words(context, row[f"message_{context.language}"])
    return f"{row[f'rule_name_{context.language}']} · {message}"


def credit_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """Exposure beside the limit."""
    t = context.t
    return (
        Column("customer_key", words=customer_label),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("is_over_limit", label="state", words=lambda over: t(f"risk.credit.{_over(over)}")),
        Column("exposure_amount", "money"),
        Column("credit_limit", "money"),
        Column("headroom_amount", "money"),
        Column("open_receivable_amount", "money"),
        Column("open_order_amount", "money"),
        Column("unapplied_amount", "money"),
        Column("payment_terms_days", "count"),
        Column("currency_code", label="currency"),
    )


def _over(is_over: object) -> str:
    return "over" if is_over else "within"


def model_sentence(context: PageContext, figures: pd.DataFrame) -> str:
    """How well the model sorts, against the best of the simpler candidates; how honest it is."""
    t = context.t
    known = {str(row["metric"]): row for row in figures.to_dict("records")}
    if "average_precision" not in known or "ece" not in known:
        return t("risk.model.none")
    ranked = [
        row
        for row in figures.to_dict("records")
        if row["metric"] == "average_precision" and row["baseline_name"] != "random_split"
    ] or [known["average_precision"]]
    rival = max(ranked, key=lambda row: float(row["baseline_value"]))
    window = figures.iloc[0]
    return t(
        "risk.model.sentence",
        rows=formats.count(window["row_count"]),
        start=formats.day(window["window_start"].date(), context.language),
        end=formats.day(window["window_end"].date(), context.language),
        value=f"{float(rival['value']):.3f}",
        baseline=_candidate(context, rival["baseline_name"]),
        other=f"{float(rival['baseline_value']):.3f}",
        ece=formats.rate(float(known["ece"]["value"])),
    )


def _candidate(context: PageContext, name: object) -> str:
    return context.t.known(f"candidates.{name}", str(name))


def figure_columns(context: PageContext) -> tuple[Column, ...]:
    """Figures of the model beside those of each candidate."""
    t = context.t
    return (
        Column("metric", label="figure", words=lambda n: t.known(f"model_figures.{n}", str(n))),
        Column("value", label="measured", words=lambda value: f"{float(value):.4f}"),
        Column("baseline_name", label="baseline", words=lambda name: _candidate(context, name)),
        Column("baseline_value", words=lambda value: f"{float(value):.4f}"),
        Column("row_count", "count", label="judged_rows"),
    )


def version_columns(context: PageContext) -> tuple[Column, ...]:
    """Versions of models and why they are in use."""
    t = context.t
    return (
        Column("model", words=lambda name: t.known(f"models.{name}", str(name))),
        Column("model_version", label="version_name"),
        Column("registered_at", "time", label="learnt_at"),
        Column("learner", words=lambda name: _candidate(context, name)),
        Column("in_use", label="candidate_in_use", words=lambda name: _candidate(context, name)),
        Column("reason", "long", label="because"),
    )


DRIFT_COLUMNS = (
    Column("column", label="cut_by", words=readable),
    Column("level", label="part"),
    Column("row_count", "count", label="judged_rows"),
    Column("predicted_rate", "rate"),
    Column("base_rate", "rate", label="observed_rate"),
    Column("ece", "rate", label="calibration_error"),
)
