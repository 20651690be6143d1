"""The words and columns of decisions."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.cards import escape
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column


def state_label(context: PageContext, state: str) -> str:
    """A state of a decision or a delivery in the reader's words."""
    return context.t.known(f"decision_state.{state}", state)


def state_with_count(context: PageContext, state: str, counts: Mapping[str, int]) -> str:
    """A state with the number of decisions in it."""
    if state == "all":
        return f"{context.t('decisions.all')} ({formats.count(sum(counts.values()))})"
    return f"{state_label(context, state)} ({formats.count(counts[state])})"


def headline(context: PageContext, counts: Mapping[str, int]) -> str:
    """How many decisions there are, how many arrived, and how many wait or are held."""
    t = context.t
    total = sum(counts.values())
    if not total:
        return t("decisions.none")
    text = t(
        "decisions.headline",
        n=total,
        count=formats.count(total),
        confirmed=formats.count(counts.get("confirmed", 0)),
    )
    held = counts.get("held", 0)
    if held:
        text += t("decisions.held", n=held, count=formats.count(held))
    dead = counts.get("dead", 0)
    if dead:
        text += t("decisions.dead", n=dead, count=formats.count(dead))
    return text + t("punctuation.stop")


def message_column(context: PageContext) -> str:
    """The column that holds the message in the reader's language."""
    return f"message_{context.language}"


def subject_label(subject: object) -> str:
    """What a decision is about: the values of its key, without their names."""
    text = str(subject)
    try:
        key = json.loads(text)
    except ValueError:
        return text
    return " · ".join(map(str, key.values())) if isinstance(key, dict) else text


def ledger_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the ledger."""
    t = context.t
    return (
        Column("created_at", "time", label="decided_at"),
        Column("kind", words=lambda kind: t.known(f"decision_kind.{kind}", str(kind))),
        Column("state", words=lambda state: state_label(context, str(state))),
        Column(message_column(context), "long", label="message"),
        Column("amount", "money"),
        Column("currency_code", label="currency"),
        Column("subject", words=subject_label),
        Column(f"rule_name_{context.language}", label="rule"),
        Column("rule_version", "count"),
        Column("state_reason", "long"),
        Column("publication_id", label="publication"),
    )


def delivery_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of a decision's deliveries."""
    t = context.t
    return (
        Column("sink", words=lambda name: t.known(f"sinks.{name}", str(name))),
        Column("delivery_state", words=lambda state: state_label(context, str(state))),
        Column("attempts", "count"),
        Column("outcome", words=lambda name: t.known(f"receipt.{name}", str(name))),
        Column("received_at", "time", label="receipt_at"),
        Column("idempotency_key", label="delivery_key"),
        Column("last_error", "long"),
    )


def short_name(context: PageContext, found: pd.DataFrame, decision_id: str) -> str:
    """One line that tells a decision from its neighbours."""
    row = found[found["decision_id"] == decision_id].iloc[0]
    when = formats.time(row["created_at"], context.zone, context.language)
    return f"{when} · {row[message_column(context)]}"


def explanation(context: PageContext, row: Mapping[str, Any]) -> str:
    """Why a decision was made: message, rule and the publication whose figures it used."""
    t = context.t
    text = f"{escape(str(row[message_column(context)]))}\n\n" + t(
        "decisions.made_by",
        rule=escape(pick(row, "rule_name", context.language, str(row["rule_id"]))),
        version=row["rule_version"],
        publication=escape(str(row["publication_id"])),
        time=formats.time(row["created_at"], context.zone, context.language),
    )
    if row.get("state_reason"):
        text += "\n\n" + escape(str(row["state_reason"]))
    return text
