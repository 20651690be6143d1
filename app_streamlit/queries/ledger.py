"""Decisions of the ledger, as the decisions API of the orchestration room tells them.

They move while a publication stands (a receipt arrives), so they are cached for seconds only.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import pandas as pd
import streamlit as st
from sqlalchemy import select

from app_streamlit.queries.access import current_viewer, read_newest, require_decision
from connectors.database.engine import open_database
from connectors.database.schema import outbox, receipts
from connectors.errors import InputError
from connectors.lake.sight import Sight
from connectors.settings import load_settings
from orchestration.access.decisions import (
    as_seen,
    permitted_decisions,
    tells_hidden,
    walk_decisions,
)
from orchestration.decisions import ledger
from orchestration.decisions.approvals.paths import ApprovalPath, approval_paths
from orchestration.decisions.approvals.verdicts import ApprovalState, find_approval
from orchestration.decisions.definition_parts import Bilingual
from orchestration.decisions.latency import ActionLatency, action_latencies
from orchestration.decisions.ledger import Decision, DecisionEvent
from orchestration.decisions.outbox import HeldDeliveries, held_deliveries
from orchestration.decisions.rulebook import list_rules, rule_history
from orchestration.decisions.states import DECISION_STATES
from orchestration.run_state import utc_now

LEDGER_LIMIT = 500


@dataclass(frozen=True)
class DecisionFile:
    """All that is known of one decision.

    Attributes:
        decision: its row of the ledger.
        history: everything that happened to it, oldest first.
        approval: who is or was asked; None when nobody need approve it.
    """

    decision: Decision
    history: tuple[DecisionEvent, ...]
    approval: ApprovalState | None


@dataclass(frozen=True)
class Speed:
    """How fast decisions become actions, and where they wait for people.

    Attributes:
        latencies: from the proposal to what was done about it, by rule.
        paths: who was asked in turn about each decision.
    """

    latencies: tuple[ActionLatency, ...]
    paths: tuple[ApprovalPath, ...]


_FRESH_SECONDS = 5
_COLUMNS = (
    "decision_id",
    "created_at",
    "kind",
    "rule_id",
    "rule_version",
    "rule_name_en",
    "rule_name_zh",
    "owner",
    "subject",
    "message_en",
    "message_zh",
    "amount",
    "currency_code",
    "state",
    "state_reason",
    "publication_id",
)


def load_decisions(
    home: str,
    state: str | None,
    limit: int = LEDGER_LIMIT,
    *,
    rule_id: str | None = None,
    owner: str | None = None,
    order_key: str | None = None,
) -> pd.DataFrame:
    """One row a decision that the viewer sees, the newest first; of a state, rule, owner or order.

    Where a column hidden from the viewer is among a decision's values, neither sentences nor
    amounts are shown.
    """
    wanted = (rule_id, owner, order_key)
    return _load_decisions(home, state, limit, wanted, current_viewer().sight)


def load_state_counts(home: str) -> dict[str, int]:
    """Number of decisions that the viewer sees by state; states without any are absent."""
    return _load_state_counts(home, current_viewer().sight)


def load_deliveries(home: str, decision_id: str) -> pd.DataFrame:
    """One row a sink that a decision goes to: attempts, and the receipt when there is one.

    Raises:
        ForbiddenError: the decision is not among those that the viewer sees.
    """
    require_decision(decision_id)
    return _load_deliveries(home, decision_id)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def _load_decisions(
    home: str,
    state: str | None,
    limit: int,
    wanted: tuple[str | None, str | None, str | None],
    sight: Sight,
) -> pd.DataFrame:
    del home
    engine = open_database(load_settings())
    known_state = next((known for known in DECISION_STATES if known == state), None)
    rule_id, owner, order_key = wanted
    seen = walk_decisions(
        engine,
        sight,
        read_newest,
        state=known_state,
        rule_id=rule_id,
        owner=owner,
        order_key=order_key,
        batch=limit,
    )
    found = list(islice(seen, limit))
    names = {rule.rule_id: rule.definition.name for rule in list_rules(engine)}
    return pd.DataFrame(
        [_told(decision, names.get(decision.rule_id), sight) for decision in found],
        columns=list(_COLUMNS),
    )


def _told(decision: ledger.Decision, rule: Bilingual | None, sight: Sight) -> dict[str, object]:
    told: dict[str, object] = {
        "decision_id": decision.decision_id,
        "created_at": decision.created_at,
        "kind": decision.kind,
        "rule_id": decision.rule_id,
        "rule_version": decision.rule_version,
        "rule_name_en": rule.en if rule else None,
        "rule_name_zh": rule.zh if rule else None,
        "owner": decision.owner,
        "subject": decision.subject,
        "message_en": decision.message.get("en", ""),
        "message_zh": decision.message.get("zh", decision.message.get("en", "")),
        "amount": decision.amount,
        "currency_code": decision.currency_code,
        "state": decision.state,
        "state_reason": decision.state_reason,
        "publication_id": decision.publication_id,
    }
    if tells_hidden(decision, sight):
        told |= {"subject": "", "message_en": "", "message_zh": "", "amount": None}
        told["state_reason"] = None
    return told


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_choices(home: str) -> dict[str, list[str]]:
    """Rules and owners that decisions may be narrowed to."""
    del home
    rules = list_rules(open_database(load_settings()))
    return {
        "rules": sorted(rule.rule_id for rule in rules),
        "owners": sorted({rule.definition.owner for rule in rules}),
    }


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_rule_names(home: str) -> dict[str, dict[str, str]]:
    """The names of all rules by language."""
    del home
    rules = list_rules(open_database(load_settings()))
    return {rule.rule_id: rule.definition.name.model_dump() for rule in rules}


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_threshold_labels(home: str, rule_id: str) -> dict[str, dict[str, str]]:
    """What a rule's parameters are called, by parameter and language."""
    del home
    history = rule_history(open_database(load_settings()), rule_id)
    found = history[0].definition.parameters if history else {}
    return {name: one.label.model_dump() for name, one in found.items()}


def load_held(home: str) -> list[HeldDeliveries]:
    """What is held, by cause and reason; nothing to whom sees some rows only, for it is of all."""
    return [] if current_viewer().sight.rows else _load_held(home)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def _load_held(home: str) -> list[HeldDeliveries]:
    del home
    return held_deliveries(open_database(load_settings()))


def load_decision(home: str, decision_id: str) -> DecisionFile | None:
    """One decision with its history; None when the viewer sees none of that id."""
    sight = current_viewer().sight
    found = _load_decision(home, decision_id)
    if found is None or not permitted_decisions([found.decision], sight, read_newest):
        return None
    if not tells_hidden(found.decision, sight):
        return found
    return replace(found, decision=as_seen(found.decision, sight), history=())


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def _load_decision(home: str, decision_id: str) -> DecisionFile | None:
    del home
    engine = open_database(load_settings())
    try:
        decision = ledger.find_decision(engine, decision_id)
    except InputError:
        return None
    history = ledger.decision_history(engine, decision_id)
    return DecisionFile(decision, tuple(history), find_approval(engine, decision_id))


def load_speed(home: str, days: int, rule_id: str | None, owner: str | None) -> Speed | None:
    """How fast the decisions of the last days were; None to whom sees some rows only."""
    return None if current_viewer().sight.rows else _load_speed(home, days, rule_id, owner)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=8, show_spinner=False)
def _load_speed(home: str, days: int, rule_id: str | None, owner: str | None) -> Speed:
    del home
    engine, since = open_database(load_settings()), utc_now() - timedelta(days=days)
    latencies = action_latencies(engine, rule_id=rule_id, since=since)
    paths = approval_paths(engine, rule_id=rule_id, since=since)
    return Speed(
        tuple(one for one in latencies if owner in (None, one.owner)),
        tuple(one for one in paths if owner in (None, one.owner)),
    )


def forget() -> None:
    """After a change: the next page reads the ledger anew."""
    _load_decisions.clear()
    _load_state_counts.clear()
    _load_held.clear()
    _load_decision.clear()
    _load_deliveries.clear()


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def _load_state_counts(home: str, sight: Sight) -> dict[str, int]:
    del home
    engine = open_database(load_settings())
    if not sight.rows:
        counts = ledger.count_by_state(engine)
        return {str(state): number for state, number in counts.items() if number}
    seen = Counter(str(one.state) for one in walk_decisions(engine, sight, read_newest))
    return {state: seen[state] for state in DECISION_STATES if seen[state]}


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def _load_deliveries(home: str, decision_id: str) -> pd.DataFrame:
    del home
    query = (
        select(
            outbox.c.sink,
            outbox.c.state.label("delivery_state"),
            outbox.c.attempts,
            outbox.c.last_error,
            outbox.c.idempotency_key,
            receipts.c.outcome,
            receipts.c.received_at,
        )
        .select_from(outbox.outerjoin(receipts, receipts.c.outbox_id == outbox.c.outbox_id))
        .where(outbox.c.decision_id == decision_id)
        .order_by(outbox.c.sink, receipts.c.received_at)
    )
    with open_database(load_settings()).connect() as connection:
        result = connection.execute(query)
        return pd.DataFrame(result.fetchall(), columns=list(result.keys()))
