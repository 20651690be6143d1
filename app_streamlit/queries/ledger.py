"""Decisions of the ledger, as the decisions API of the orchestration room tells them.

They move while a publication stands (a receipt arrives), so they are cached for seconds only.
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from sqlalchemy import select

from connectors.database.engine import open_database
from connectors.database.schema import outbox, receipts
from connectors.errors import InputError
from connectors.settings import load_settings
from orchestration.decisions import ledger
from orchestration.decisions.approvals.verdicts import ApprovalState, find_approval
from orchestration.decisions.ledger import Decision, DecisionEvent
from orchestration.decisions.outbox import HeldDeliveries, held_deliveries
from orchestration.decisions.rulebook import list_rules, rule_history
from orchestration.decisions.states import DECISION_STATES

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


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_decisions(
    home: str,
    state: str | None,
    limit: int = LEDGER_LIMIT,
    *,
    rule_id: str | None = None,
    owner: str | None = None,
    order_key: str | None = None,
) -> pd.DataFrame:
    """One row a decision, the newest first; only those of a state, rule, owner or order."""
    del home
    engine = open_database(load_settings())
    wanted = next((known for known in DECISION_STATES if known == state), None)
    found = ledger.list_decisions(
        engine, state=wanted, rule_id=rule_id, owner=owner, order_key=order_key, limit=limit
    )
    names = {rule.rule_id: rule.definition.name for rule in list_rules(engine)}
    return pd.DataFrame(
        [
            {
                "decision_id": decision.decision_id,
                "created_at": decision.created_at,
                "kind": decision.kind,
                "rule_id": decision.rule_id,
                "rule_version": decision.rule_version,
                "rule_name_en": names[decision.rule_id].en if decision.rule_id in names else None,
                "rule_name_zh": names[decision.rule_id].zh if decision.rule_id in names else None,
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
            for decision in found
        ],
        columns=list(_COLUMNS),
    )


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_state_counts(home: str) -> dict[str, int]:
    """Number of decisions by state; states without any are absent."""
    del home
    counts = ledger.count_by_state(open_database(load_settings()))
    return {str(state): number for state, number in counts.items() if number}


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


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_held(home: str) -> list[HeldDeliveries]:
    """What is held, by cause and reason."""
    del home
    return held_deliveries(open_database(load_settings()))


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_decision(home: str, decision_id: str) -> DecisionFile | None:
    """One decision with its history; None when there is none of that id."""
    del home
    engine = open_database(load_settings())
    try:
        decision = ledger.find_decision(engine, decision_id)
    except InputError:
        return None
    history = ledger.decision_history(engine, decision_id)
    return DecisionFile(decision, tuple(history), find_approval(engine, decision_id))


def forget() -> None:
    """After a change: the next page reads the ledger anew."""
    for cached in (load_decisions, load_state_counts, load_held, load_decision, load_deliveries):
        cached.clear()


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_deliveries(home: str, decision_id: str) -> pd.DataFrame:
    """One row a sink that a decision goes to: attempts, and the receipt when there is one."""
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
