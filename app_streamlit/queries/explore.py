"""Any metric by any dimensions: a question of the explore page, and its answer.

The question is the semantic layer's own, so that page, download and `fourflow metric` give one
figure; values that a viewer chose are parameters of the statement, never part of its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from app_streamlit.queries.edition import Edition
from app_streamlit.queries.metrics import answer
from connectors.settings import load_settings
from orchestration.metrics import questions
from orchestration.metrics.layer import MetricLayer
from orchestration.metrics.names import GroupBy
from orchestration.metrics.questions import Asked, Dimension, Question, dimensions_of, plain

MOST_GROUPS = 10_000
MOST_VALUES = 500


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


def load_dimensions(metrics: tuple[str, ...]) -> list[Dimension]:
    """What all these metrics can be grouped and filtered by, by word; a currency is never chosen.

    Raises:
        InputError: there is no such metric.
    """
    return dimensions_of(_available(metrics))


def asked_of(question: Question) -> Asked:
    """The question in the semantic layer's words.

    Raises:
        InputError: there is no such metric.
    """
    return questions.asked_of(question, _available(question.metrics))


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


def _layer() -> MetricLayer:
    return MetricLayer(load_settings(), may_parse=False)


def _available(metrics: tuple[str, ...]) -> list[GroupBy]:
    return _group_bys(_layer().catalogue.digest, metrics)


@st.cache_data(max_entries=256, show_spinner=False)
def _group_bys(digest: str, metrics: tuple[str, ...]) -> list[GroupBy]:
    del digest  # a new definition is a new answer
    return _layer().group_bys(metrics)
