"""The words of what changed since an earlier publication."""

from datetime import datetime
from decimal import Decimal

import pandas as pd

from app_streamlit.queries.restatement import Restated
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from connectors.database.publications import Publication
from orchestration.restatement.comparison import REASONS
from orchestration.restatement.measures import COUNTED

_FIRST = "net_sales"  # the measure of the sentence
_NEW = ("new_record", "new_source")


def earlier_publications(context: PageContext) -> dict[str, Publication]:
    """The publications before the shown one, the newest first, by id."""
    shown = context.publication
    return {
        one.publication_id: one
        for one in context.standing.publications
        if one.published_at < shown.published_at
    }


def chosen(context: PageContext, restated: Restated) -> pd.DataFrame:
    """The differences of the chosen business; all when none is chosen."""
    changes = restated.changes
    if context.choices.business is None or changes.empty:
        return changes
    return changes[changes["business"] == context.choices.business]


def headline(context: PageContext, changes: pd.DataFrame, since: datetime) -> str:
    """How much of what was published has another value now, and why."""
    t = context.t
    time = formats.time(since, context.zone, context.language)
    old = changes[~changes["reason"].isin(_NEW)]
    if changes.empty:
        return t("restated.same", time=time)
    if old.empty:
        return t("restated.only_new", time=time)
    sales = old[old["measure"] == _FIRST]
    if sales.empty:
        return t("restated.other_figures", time=time, count=formats.count(old["measure"].nunique()))
    parts = []
    for unit, part in sales.groupby("unit", sort=True):
        by_reason = part.groupby("reason")["difference"].sum().to_dict()
        reasons = t("punctuation.list").join(
            f"{t(f'restated.reasons.{reason}')} {_signed(by_reason[reason], str(unit))}"
            for reason in REASONS
            if by_reason.get(reason)
        )
        parts.append(f"{_signed(sum(by_reason.values(), Decimal(0)), str(unit))} ({reasons})")
    return t("restated.changed", time=time, parts=t("punctuation.list").join(parts))


def _signed(value: Decimal, unit: str) -> str:
    text = formats.count(value) if unit == COUNTED else formats.money(value, unit)
    return f"+{text}" if value > 0 else text


def columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the differences."""
    t = context.t
    return (
        Column("measure", words=lambda name: t(f"restated.measures.{name}")),
        Column("reason", label="bucket", words=lambda name: t(f"restated.reasons.{name}")),
        Column("row_count", "count", label="record_count"),
        Column("difference", "count"),
        Column("unit", words=lambda unit: t("restated.orders") if unit == COUNTED else str(unit)),
        Column("business", words=lambda name: context.business_label(str(name))),
    )


def not_comparable(context: PageContext, restated: Restated) -> str:
    """The measures that an older publication can't be asked for; empty as a rule."""
    if not restated.not_comparable:
        return ""
    names = [context.t(f"restated.measures.{name}") for name in restated.not_comparable]
    return context.t("restated.not_comparable", names=context.t("punctuation.list").join(names))
