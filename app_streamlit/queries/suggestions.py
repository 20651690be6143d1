"""Suggested purchases and transfers of the ledger, with what a person may still do about each."""

import json
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import select

from app_streamlit.queries.access import current_viewer, read_newest
from connectors.database.engine import open_database
from connectors.database.schema import approvals, outbox
from connectors.lake.sight import Sight
from connectors.settings import load_settings
from orchestration.access.decisions import as_seen, permitted_decisions
from orchestration.decisions import ledger
from orchestration.decisions.approvals.amendments import PROPOSED, QUANTITY

KIND = "replenish"
SUGGESTIONS_SHOWN = 500
WAITING = ("awaiting_approval", "proposed", "held")
_FRESH_SECONDS = 5
COLUMNS = (
    "decision_id",
    "updated_at",
    "created_at",
    "state",
    "site",
    "from_site",
    "sku",
    "quantity",
    "can_change",
    "proposed_quantity",
    "pack_size",
    "amount",
    "currency_code",
    "message_en",
    "message_zh",
    "state_reason",
    "role",
    "due_at",
    "explanation",
)


def load_suggestions(home: str, business: str) -> pd.DataFrame:
    """One row a suggestion of a business: those that wait first, then the newest; money first.

    Only what the viewer sees; a suggestion that tells of a hidden column has no sentence or amount.
    """
    return _load_suggestions(home, business, current_viewer().sight)


def forget() -> None:
    """After an answer: the next page reads the suggestions anew."""
    _load_suggestions.clear()


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=8, show_spinner=False)
def _load_suggestions(home: str, business: str, sight: Sight) -> pd.DataFrame:
    del home
    engine = open_database(load_settings())
    listed = ledger.list_decisions(engine, kind=KIND, limit=SUGGESTIONS_SHOWN)
    found = permitted_decisions(listed, sight, read_newest)
    with engine.connect() as connection:
        asked = {
            row.decision_id: row
            for row in connection.execute(select(approvals).where(approvals.c.state == "awaiting"))
        }
        delivered = select(outbox.c.decision_id).where(outbox.c.state == "delivered").distinct()
        sent: set[str] = set(connection.execute(delivered).scalars())
    rows: list[dict[str, Any]] = []
    for listed_one in found:
        decision = as_seen(listed_one, sight)
        subject = _subject(decision.subject)
        if subject.get("business") not in (None, business):
            continue
        approval = asked.get(decision.decision_id)
        values = decision.explanation
        rows.append(
            {
                "decision_id": decision.decision_id,
                "updated_at": decision.updated_at,
                "created_at": decision.created_at,
                "state": decision.state,
                "site": subject.get("site") or subject.get("to_site"),
                "from_site": subject.get("from_site"),
                "sku": subject.get("sku"),
                "quantity": values.get(QUANTITY, values.get("quantity")),
                "can_change": QUANTITY in values,
                "proposed_quantity": values.get(PROPOSED),
                "pack_size": values.get("pack_size"),
                "amount": decision.amount,
                "currency_code": decision.currency_code,
                "message_en": decision.message.get("en", ""),
                "message_zh": decision.message.get("zh", decision.message.get("en", "")),
                "state_reason": decision.state_reason,
                "role": approval.role if approval is not None else None,
                "due_at": approval.due_at if approval is not None else None,
                "explanation": dict(values),
                "_is_waiting": decision.state in WAITING
                and (approval is not None or decision.decision_id not in sent),
            }
        )
    rows.sort(key=lambda row: (not row["_is_waiting"], -(row["amount"] or 0)))
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _subject(text: str) -> dict[str, Any]:
    try:
        subject = json.loads(text)
    except ValueError:
        return {}
    return subject if isinstance(subject, dict) else {}
