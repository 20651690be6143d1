"""Figures of the semantic layer: the definitions, and so the numbers, of `fourflow metric`.

Definitions are those of the project's last run; a publication that is older than a metric's mart
has no figure of it.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app_streamlit.queries.edition import Edition, open_edition
from connectors.errors import ContractError, ForbiddenError
from connectors.settings import Settings, load_settings
from orchestration.metrics.catalogue import Metric
from orchestration.metrics.layer import MetricLayer, MetricQuery

IN_SCOPE = (
    "business = $business",
    "($channel is null or channel = $channel)",
    "metric_time between $start and $end",
)


def open_layer() -> MetricLayer | None:
    """The metrics as last defined; None in a home where nobody has defined any yet."""
    try:
        layer = MetricLayer(load_settings(), may_parse=False)
    except ContractError:
        return None
    _load_once(layer.catalogue.digest)
    return layer


@st.cache_resource(max_entries=2, show_spinner=False)
def _load_once(digest: str) -> None:
    """Load MetricFlow behind the first page: what a page asks is known as SQL as a rule."""
    del digest
    MetricLayer(load_settings(), may_parse=False).warm()


def ask(edition: Edition, query: MetricQuery, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer on an edition, a dict a group; nothing where the metric cannot be known.

    A metric that can't be restricted to the viewer's rows is not known to them; one that is made of
    columns hidden from them is None.
    """
    try:
        return answer(edition, query, params)
    except (ContractError, ForbiddenError):
        return []


def answer(
    edition: Edition,
    query: MetricQuery,
    params: Mapping[str, Any],
    *,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """As `ask`, the first `limit` groups only, for a page that says why there is no answer.

    Raises:
        ContractError: nothing is defined yet, or the publication is older than the metric.
        InputError: metrics and dimensions don't fit together.
    """
    layer = MetricLayer(load_settings(), may_parse=False)
    return _answer(edition, layer.catalogue.digest, query, tuple(params.items()), limit)


@st.cache_data(max_entries=512, show_spinner=False)
def _answer(
    edition: Edition,
    digest: str,
    query: MetricQuery,
    params: tuple[tuple[str, Any], ...],
    limit: int | None,
) -> list[dict[str, Any]]:
    del digest  # a new definition is a new answer
    layer = MetricLayer(load_settings(), may_parse=False)
    return layer.rows(query, open_edition(edition), dict(params), limit=limit)


def described(name: str, settings: Settings) -> Metric | None:
    """What a metric is, as its owner wrote it.

    Pages ask it of every figure that they show: the settings are those of the run, not read again.
    """
    try:
        layer = MetricLayer(settings, may_parse=False)
    except ContractError:
        return None
    return layer.catalogue.metrics.get(name)
