"""Any metric by any dimensions: a question of the explore page, and its answer.

The question is the semantic layer's own, so that page, download and `fourflow metric` give one
figure; values that a viewer chose are parameters of the statement, never part of its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import streamlit as st

from app_streamlit.queries.edition import Edition
from app_streamlit.queries.metrics import answer
from app_streamlit.queries.scope import Scope
from connectors.settings import load_settings
from orchestration.metrics.layer import CURRENCY_CODE, MetricLayer, MetricQuery
from orchestration.metrics.names import METRIC_TIME, Grain, GroupBy

MOST_METRICS = 6
MOST_DIMENSIONS = 3
MOST_GROUPS = 10_000
MOST_VALUES = 500
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
class Answer:
    """Figures by group.

    Attributes:
        groups: columns of dimensions, the currency among them.
        metrics: columns of figures.
        rows: a dict a group.
        is_cut: whether there are more groups than rows.
    """

    asked: Asked
    groups: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    is_cut: bool


@dataclass(frozen=True)
class _Conditions:
    where: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """The parameter that stands for a value."""
        name = f"value_{len(self.params)}"
        self.params[name] = value
        return f"${name}"


def load_dimensions(metrics: tuple[str, ...]) -> list[Dimension]:
    """What all these metrics can be grouped and filtered by, by word; a currency is never chosen.

    Raises:
        InputError: there is no such metric.
    """
    by_last: dict[str, list[GroupBy]] = {}
    for one in _available(metrics):
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


def asked_of(question: Question) -> Asked:
    """The question in the semantic layer's words.

    Raises:
        InputError: there is no such metric.
    """
    known = {one.name for one in _available(question.metrics)}
    said = _Conditions()
    ignored: list[Shared] = []
    if question.scopes:
        ignored = _scope(said, question.scopes, known)
    for word, values in question.kept:
        some = ", ".join(said.value(value) for value in values if value is not None)
        parts = [f"{word} in ({some})"] if some else []
        parts += [f"{word} is null"] if None in values else []
        said.where.append(f"({' or '.join(parts) or 'false'})")
    dates = {one.word for one in load_dimensions(question.metrics) if one.is_date}
    grain = question.grain or "month"
    by = [f"{word}__{grain}" if word in dates else word for word in question.by]
    periods = [question.grain] if question.grain else []
    query = MetricQuery(question.metrics, (*periods, *by), tuple(said.where))
    return Asked(query, said.params, tuple(ignored))


def load_answer(edition: Edition, question: Question, limit: int = MOST_GROUPS) -> Answer:
    """Figures by group, in the order of the groups.

    Raises:
        ContractError: the publication is older than a metric.
        InputError: metrics and dimensions don't fit together.
    """
    asked = asked_of(question)
    found = answer(edition, asked.query, asked.params, limit=limit + 1)
    written = _layer().sql(asked.query)
    return Answer(asked, written.groups, written.metrics, found[:limit], len(found) > limit)


def load_total(edition: Edition, question: Question) -> Answer:
    """The same without dimensions: a row a currency. Rates and distinct counts don't add up."""
    return load_answer(
        edition,
        Question(question.metrics, kept=question.kept, scopes=question.scopes),
    )


def load_values(edition: Edition, question: Question, word: str) -> list[str | None]:
    """The values of a dimension in the question's scope, whatever is kept of it."""
    others = tuple(one for one in question.kept if one[0] != word)
    found = load_answer(
        edition,
        Question(question.metrics[:1], (word,), kept=others, scopes=question.scopes),
        limit=MOST_VALUES,
    )
    values = {row[word] for row in found.rows}
    return sorted((None if one is None else plain(one) for one in values), key=lambda v: v or "")


def plain(value: Any) -> str:
    """A value of a dimension as an address and a condition write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def command_of(asked: Asked, publication_id: str) -> str:
    """The command line that gives the same figures."""
    query = asked.query
    parts = ["fourflow metric", *query.metrics]
    parts += [f"--by {','.join(query.by)}"] if query.by else []
    parts += [f'--where "{_said(one, asked.params)}"' for one in query.where]
    return " ".join([*parts, f"--as-of {publication_id}"])


def _said(condition: str, params: Mapping[str, Any]) -> str:
    """A condition with its values in it, for a person to copy."""
    for name in sorted(params, key=len, reverse=True):
        condition = condition.replace(f"${name}", _literal(params[name]))
    for sign in ("\\", '"', "$", "`"):
        condition = condition.replace(sign, "\\" + sign)
    return condition


def _literal(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date) else str(value)
    return "'" + text.replace("'", "''") + "'"


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


def _layer() -> MetricLayer:
    return MetricLayer(load_settings(), may_parse=False)


def _available(metrics: tuple[str, ...]) -> list[GroupBy]:
    return _group_bys(_layer().catalogue.digest, metrics)


@st.cache_data(max_entries=256, show_spinner=False)
def _group_bys(digest: str, metrics: tuple[str, ...]) -> list[GroupBy]:
    del digest  # a new definition is a new answer
    return _layer().group_bys(metrics)
