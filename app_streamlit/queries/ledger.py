"""Decisions of the ledger, as the decisions API of the orchestration room tells them.

They move while a publication stands (a receipt arrives), so they are cached for seconds only.
"""

import pandas as pd
import streamlit as st
from sqlalchemy import select

from connectors.database.engine import open_database
from connectors.database.schema import outbox, receipts
from connectors.settings import load_settings
from orchestration.decisions import ledger
from orchestration.decisions.rulebook import list_rules
from orchestration.decisions.states import DECISION_STATES

LEDGER_LIMIT = 500
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
