"""The words of suggested purchases."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.queries.suggestions import WAITING
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.decision_words import sentence_reader, state_label
from app_streamlit.words.stock_words import site_label


def open_only(found: pd.DataFrame) -> pd.DataFrame:
    """Those that a person can still do something about."""
    waiting: pd.DataFrame = found[found["state"].isin(WAITING)]
    return waiting


def sentence(context: PageContext, found: pd.DataFrame) -> str:
    """How many suggestions wait for whom and what they would cost; what became of the others."""
    t = context.t
    waiting = open_only(found)
    done = len(found) - len(waiting)
    if waiting.empty:
        return t("suggestions.none_waiting", n=done, count=formats.count(done))
    sums = [
        formats.money(part["amount"].dropna().sum(), str(currency))
        for currency, part in waiting.groupby("currency_code", sort=True)
    ]
    asked = int(waiting["role"].notna().sum())
    return t(
        "suggestions.waiting",
        n=len(waiting),
        count=formats.count(len(waiting)),
        amounts=t("punctuation.list").join(sums) or formats.EMPTY,
    ) + t("suggestions.asked", n=asked, count=formats.count(asked), done=formats.count(done))


def columns(context: PageContext, sites: Mapping[str, str]) -> tuple[Column, ...]:
    """The list of suggestions."""
    return (
        Column("sku"),
        Column("site", words=lambda site: site_label(sites, site)),
        Column("from_site", words=lambda site: site_label(sites, site)),
        Column("quantity", "count", label="suggested_quantity"),
        Column("amount", "money"),
        Column("currency_code", label="currency"),
        Column("state", words=lambda state: state_label(context, str(state))),
        Column(
            f"message_{context.language}",
            "long",
            label="message",
            words=sentence_reader(context),
        ),
        Column("proposed_quantity", "count"),
        Column("due_at", "time", label="answer_due_at"),
        Column("state_reason", "long"),
        Column("created_at", "time", label="decided_at"),
    )


def short_name(
    context: PageContext, found: pd.DataFrame, sites: Mapping[str, str], decision_id: str
) -> str:
    """One line that tells a suggestion from its neighbours."""
    row = found[found["decision_id"] == decision_id].iloc[0]
    pieces = context.t("suggestions.pieces", count=formats.count(row["quantity"]))
    amount = formats.money(row["amount"], str(row["currency_code"]))
    return f"{row['sku']} · {site_label(sites, row['site'])} · {pieces} · {amount}"


def asked_sentence(context: PageContext, row: Mapping[str, Any]) -> str:
    """Who is asked until when; or that it goes by itself."""
    t = context.t
    if row["role"] is None:
        return t("suggestions.goes_by_itself")
    return t(
        "suggestions.who_is_asked",
        role=t.known(f"approver_roles.{row['role']}", str(row["role"])),
        due=formats.time(row["due_at"], context.zone, context.language),
    )
