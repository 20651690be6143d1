"""The words of checks of sources: what a platform or a file has, and what the lake has of it."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.health_words import entity_label
from orchestration.source_comparisons import PARTS, Comparison

_SHOWN_NUMBERS = 5
COLUMNS = (
    Column("day", "date", label="date"),
    Column("source_label", label="source"),
    Column("place", label="account_or_file"),
    Column("agreement", label="state"),
    # Numbers of orders: hidden from whom may not see those.
    Column("order_no", label="finding"),
    Column("there_count", "count"),
    Column("here_count", "count"),
    Column("difference_amount", "money", label="difference"),
    Column("currency_code", label="currency"),
    Column("there_amount", "money"),
    Column("here_amount", "money"),
    Column("entity"),
    Column("not_read", "count"),
    Column("checked_at", "time"),
)


def of_business(context: PageContext, found: Sequence[Comparison]) -> list[Comparison]:
    """Those of the chosen business's sources; all when none is chosen."""
    if context.choices.business is None:
        return list(found)
    own = context.sources_of(context.choices.business)
    return [one for one in found if one.source in own]


def headline(context: PageContext, found: Sequence[Comparison]) -> str:
    """Whether the lake has what its sources have, and when that was asked."""
    t = context.t
    differing: Counter[str] = Counter()
    for one in found:
        differing[one.source] += one.differences
    count = differing.total()
    compared = sum(not one.problem for one in found)
    if count:
        text = t(
            "comparison.differs",
            n=count,
            count=formats.count(count),
            source=context.source_label(differing.most_common(1)[0][0]),
        )
    else:
        text = t("comparison.equal", n=compared, count=formats.count(compared))
    silent = len({one.source for one in found if one.problem})
    if silent:
        text += t("comparison.silent", n=silent, count=formats.count(silent))
    latest = max(one.checked_at for one in found)
    return text + t("comparison.checked", time=formats.time(latest, context.zone, context.language))


def frame(context: PageContext, found: Sequence[Comparison]) -> pd.DataFrame:
    """A row a day or file and currency; what differs or could not be asked comes first."""
    return pd.DataFrame(
        {
            "day": one.day,
            "source_label": context.source_label(one.source),
            "place": context.channel_label(one.place),
            "entity": entity_label(context, one.entity),
            "agreement": context.t(f"comparison.states.{_state(one)}"),
            "there_count": None if one.problem else one.there_count,
            "here_count": None if one.problem else one.here_count,
            "there_amount": one.there_amount,
            "here_amount": one.here_amount,
            "difference_amount": _difference(one),
            "currency_code": one.currency_code,
            "order_no": _finding(context, one),
            "not_read": one.not_read,
            "checked_at": one.checked_at,
        }
        for one in sorted(found, key=lambda one: one.is_equal)
    )


def _state(one: Comparison) -> str:
    if one.problem:
        return "silent"
    if one.differences:
        return "differs"
    return "waiting" if one.not_read and not one.here_count else "equal"


def _difference(one: Comparison) -> Decimal | None:
    if one.there_amount is None and one.here_amount is None:
        return None
    return (one.here_amount or Decimal()) - (one.there_amount or Decimal())


def _finding(context: PageContext, one: Comparison) -> str:
    t = context.t
    if one.problem:
        return one.problem
    said = []
    for part in PARTS:
        numbers = getattr(one, part)
        if numbers:
            shown = ", ".join(numbers[:_SHOWN_NUMBERS])
            more = len(numbers) - _SHOWN_NUMBERS
            if more > 0:
                shown += t("comparison.more", count=formats.count(more))
            said.append(t(f"comparison.parts.{part}", numbers=shown))
    return t("punctuation.list").join(said)
