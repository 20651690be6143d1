"""Decisions that a person can still answer: those that ask for approval, and those with options."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import streamlit as st
from sqlalchemy import select

from app_streamlit.queries.access import current_viewer, read_newest
from connectors.database.engine import open_database
from connectors.database.schema import approvals, decision_events
from connectors.lake.sight import Sight
from connectors.settings import load_settings
from orchestration.access.decisions import as_seen, subject_of, walk_decisions
from orchestration.decisions.approvals.options import CHOSEN

LISTED = 500
_FRESH_SECONDS = 5
_CLOSED = ("rejected", "expired", "shadow", "held_out")


@dataclass(frozen=True)
class Answerable:
    """One decision that waits for somebody.

    Attributes:
        is_asked: whether somebody is asked to approve it.
        options: name, label by language, cost and currency of what may be done.
        subject: what it is about, as fields.
    """

    decision_id: str
    rule_id: str
    kind: str
    owner: str | None
    updated_at: datetime
    message_en: str
    message_zh: str
    amount: Decimal | None
    currency_code: str | None
    is_asked: bool
    options: tuple[tuple[str, str, str, str | None, str | None], ...]
    business: str | None
    subject: tuple[tuple[str, str], ...]


def load_answerable(home: str) -> list[Answerable]:
    """What the viewer sees of them, the newest first."""
    return _load_answerable(home, current_viewer().sight)


def forget() -> None:
    """After an answer: the next page reads them anew."""
    _load_answerable.clear()


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=8, show_spinner=False)
def _load_answerable(home: str, sight: Sight) -> list[Answerable]:
    del home
    engine = open_database(load_settings())
    with engine.connect() as connection:
        states = connection.execute(select(approvals.c.decision_id, approvals.c.state)).all()
        chosen_query = select(decision_events.c.decision_id).where(
            decision_events.c.event == CHOSEN
        )
        chosen: set[str] = set(connection.execute(chosen_query).scalars())
    asked = {row.decision_id: row.state for row in states}
    found = []
    for decision in islice(walk_decisions(engine, sight, read_newest), LISTED * 4):
        is_asked = asked.get(decision.decision_id) == "awaiting"
        has_choice = (
            decision.decision_id not in asked
            and bool(decision.options)
            and decision.decision_id not in chosen
            and decision.state not in _CLOSED
        )
        if not (is_asked or has_choice):
            continue
        told = as_seen(decision, sight)
        subject = subject_of(decision)
        found.append(
            Answerable(
                decision.decision_id,
                decision.rule_id,
                decision.kind,
                decision.owner,
                decision.updated_at,
                told.message.get("en", ""),
                told.message.get("zh", told.message.get("en", "")),
                told.amount,
                decision.currency_code,
                is_asked,
                tuple(_option(one) for one in decision.options),
                str(subject.get("business") or decision.explanation.get("business") or "") or None,
                tuple((name, str(value)) for name, value in subject.items()),
            )
        )
        if len(found) >= LISTED:
            break
    return found


def _option(one: Mapping[str, Any]) -> tuple[str, str, str, str | None, str | None]:
    name = str(one["name"])
    label = one.get("label")
    words = label if isinstance(label, dict) else {}
    cost = one.get("cost")
    currency = one.get("currency_code")
    return (
        name,
        str(words.get("en") or name),
        str(words.get("zh") or name),
        None if cost is None else str(cost),
        None if currency is None else str(currency),
    )
