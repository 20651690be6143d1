"""Any metric by any dimensions, as a person chose it: a question in the semantic layer's words.

Pages, downloads and reports by e-mail ask through here, so that one saved view gives one figure;
values that a person chose are parameters of the statement, never part of its text.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlencode

from orchestration.metrics.layer import CURRENCY_CODE, MetricQuery
from orchestration.metrics.names import GRAINS, METRIC_TIME, Grain, GroupBy
from orchestration.metrics.scopes import (
    CUSTOM,
    DEFAULT_PERIOD,
    PERIODS,
    Bounds,
    Scope,
    resolve_days,
)

MOST_METRICS = 6
MOST_DIMENSIONS = 3
DEFAULT_METRICS = ("net_sales",)
DEFAULT_BY = ("channel",)
DEFAULT_GRAIN = "day"
NOTHING = "-"  # of several: none, where that is not the default
# Keys that many records share. To group by the key of a single record is a list, no figure.
_SHARED_KEYS = frozenset({"business", "channel", "source", "product", "supplier", "supplier_key"})
Shared = Literal["business", "channel"]


@dataclass(frozen=True)
class Dimension:
    """What metrics can be grouped and filtered by.

    Attributes:
        word: what it is asked by: its last part, or its whole name where several end with that.
        is_date: whether it is a date, grouped by a grain.
    """

    word: str
    is_date: bool


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        metrics: names of metrics.
        by: words of dimensions.
        grain: the length of a period to go along time with; None without time.
        kept: for a dimension, the values that are kept (None: where it has none).
        scopes: business, channel and days, one a business.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    grain: Grain | None = None
    kept: tuple[tuple[str, tuple[str | None, ...]], ...] = ()
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True)
class Asked:
    """The question in the semantic layer's words.

    Attributes:
        query: what is asked, with parameters.
        params: their values.
        ignored: filters of the sidebar that these metrics know nothing of.
    """

    query: MetricQuery
    params: Mapping[str, Any]
    ignored: tuple[Shared, ...] = ()


@dataclass(frozen=True)
class _Conditions:
    where: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """The parameter that stands for a value."""
        name = f"value_{len(self.params)}"
        self.params[name] = value
        return f"${name}"


def dimensions_of(available: Sequence[GroupBy]) -> list[Dimension]:
    """What can be chosen to group and filter by, by word; a currency is never chosen."""
    by_last: dict[str, list[GroupBy]] = {}
    for one in available:
        is_shared = one.kind != "entity" or one.short in _SHARED_KEYS
        if is_shared and one.name != METRIC_TIME and one.short != CURRENCY_CODE:
            by_last.setdefault(one.short, []).append(one)
    found = []
    for last, having in by_last.items():
        nearest = min(one.name.count("__") for one in having)
        best = [one for one in having if one.name.count("__") == nearest]
        words = [last] if len(best) == 1 else [one.name for one in best]
        found += [Dimension(word, best[0].kind == "time") for word in words]
    return sorted(found, key=lambda one: one.word)


def asked_of(question: Question, available: Sequence[GroupBy]) -> Asked:
    """The question in the semantic layer's words.

    Args:
        question: what is asked.
        available: all that its metrics can be grouped by.
    """
    known = {one.name for one in available}
    said = _Conditions()
    ignored: list[Shared] = []
    if question.scopes:
        ignored = _scope(said, question.scopes, known)
    for word, values in question.kept:
        some = ", ".join(said.value(value) for value in values if value is not None)
        parts = [f"{word} in ({some})"] if some else []
        parts += [f"{word} is null"] if None in values else []
        said.where.append(f"({' or '.join(parts) or 'false'})")
    dates = {one.word for one in dimensions_of(available) if one.is_date}
    grain = question.grain or "month"
    by = [f"{word}__{grain}" if word in dates else word for word in question.by]
    periods = [question.grain] if question.grain else []
    query = MetricQuery(question.metrics, (*periods, *by), tuple(said.where))
    return Asked(query, said.params, tuple(ignored))


def plain(value: Any) -> str:
    """A value of a dimension as an address and a condition write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filters_of(choices: Mapping[str, str]) -> dict[str, tuple[str | None, ...]]:
    """The values that an address keeps of each dimension; an empty one stands for none."""
    found: dict[str, tuple[str | None, ...]] = {}
    for word, value in parse_qsl(choices.get("filter", ""), keep_blank_values=True):
        found[word] = (*found.get(word, ()), value or None)
    return found


def filter_text(filters: Mapping[str, Sequence[str | None]]) -> str:
    """The same as an address writes it."""
    return urlencode([(word, one or "") for word, kept in filters.items() for one in kept])


def question_of(
    choices: Mapping[str, str],
    *,
    known: Collection[str],
    words: Callable[[tuple[str, ...]], Collection[str]],
    scopes: tuple[Scope, ...],
) -> Question:
    """What an address or a saved view asks; what does not exist (any more) is left out.

    Args:
        choices: as the address says them.
        known: names of all metrics.
        words: gives the dimensions of metrics.
        scopes: business, channel and days.
    """
    asked = tuple(listed(choices.get("metric", ""), DEFAULT_METRICS))
    metrics = tuple(one for one in asked if one in known)[:MOST_METRICS] or DEFAULT_METRICS
    having = words(metrics)
    by = [one for one in listed(choices.get("by", ""), DEFAULT_BY) if one in having]
    grain = choices.get("grain", DEFAULT_GRAIN)
    kept = [(word, values) for word, values in filters_of(choices).items() if word in having]
    return Question(
        metrics=metrics,
        by=tuple(by[:MOST_DIMENSIONS]),
        grain=cast("Grain", grain) if grain in GRAINS else None,
        kept=tuple(kept),
        scopes=scopes,
    )


def scopes_of(
    choices: Mapping[str, str],
    bounds: Mapping[str, Bounds],
    channels: Mapping[str, Collection[str]],
) -> tuple[Scope, ...]:
    """Business, channel and days that a saved view was kept with, one scope a business.

    Args:
        choices: as the saved view says them.
        bounds: days of each business.
        channels: the channels of each business.
    """
    wanted = choices.get("business", "")
    channel = choices.get("channel", "")
    having = [one for one in bounds if channel in channels.get(one, ())]
    businesses = [wanted] if wanted in bounds else having or list(bounds)
    period = choices.get("period", DEFAULT_PERIOD)
    custom = chosen_days(choices) if period == CUSTOM else None
    length = period if period in PERIODS else DEFAULT_PERIOD
    return tuple(
        Scope(
            business, channel if having else None, *resolve_days(length, bounds[business], custom)
        )
        for business in businesses
    )


def listed(text: str, default: Sequence[str] = ()) -> list[str]:
    """What an address says of several: the default where it says nothing, or none at all."""
    if not text:
        return list(default)
    return [] if text == NOTHING else list(dict.fromkeys(text.split(",")))


def chosen_days(choices: Mapping[str, str]) -> tuple[date, date] | None:
    """The first and last day that an address says; None when it says none."""
    try:
        start = date.fromisoformat(choices.get("from", ""))
        end = date.fromisoformat(choices.get("to", ""))
    except ValueError:
        return None
    return min(start, end), max(start, end)


def _scope(said: _Conditions, scopes: Sequence[Scope], known: set[str]) -> list[Shared]:
    """Business, channel and days; businesses end on different days, so each has its own."""
    channels = {scope.channel for scope in scopes} - {None}
    ignored: list[Shared] = []
    if channels and "channel" not in known:
        ignored.append("channel")
    if "business" not in known:  # of all businesses at once: days of the newest
        ignored.append("business")
        scopes = scopes[:1]
    options = []
    for scope in scopes:
        parts = []
        if "business" in known:
            parts.append(f"business = {said.value(scope.business)}")
        if scope.channel is not None and "channel" in known:
            parts.append(f"channel = {said.value(scope.channel)}")
        start, end = said.value(scope.start), said.value(scope.end)
        parts.append(f"metric_time between {start} and {end}")
        options.append(" and ".join(parts))
    whole = options[0] if len(options) == 1 else f"({' or '.join(f'({one})' for one in options)})"
    said.where.append(whole)
    return ignored
