"""Metrics by dimensions: the figures of pages and `fourflow metric`, of a key's rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import sqlglot
from fastapi import APIRouter, Depends, Query, Request
from sqlglot import exp
from starlette.responses import Response

from connectors.errors import ContractError, ForbiddenError, InputError
from connectors.lake.sight import Sight
from orchestration.api.answers import MetricAnswer, MetricDescription, MetricList
from orchestration.api.problems import MissingError
from orchestration.api.reading import READ_ANSWERS, Reader, api_of, asked, reader_for
from orchestration.decisions.conditions import parse_condition
from orchestration.metrics.catalogue import Metric
from orchestration.metrics.layer import MetricLayer, MetricQuery
from orchestration.metrics.names import Grain, GroupBy, find

router = APIRouter(tags=["metrics"])
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)


@dataclass(frozen=True)
class MetricQuestion:
    """How a metric is asked for."""

    by: Annotated[
        list[str] | None,
        Query(max_length=8, description="Dimensions; day, week, month … are dimensions."),
    ] = None
    where: Annotated[
        list[str] | None,
        Query(
            max_length=8,
            description="Conditions on dimensions, such as `channel = 'douyin'` or "
            "`day >= '2026-01-01'`; all must hold.",
        ),
    ] = None
    grain: Annotated[Grain, Query(description="Grain of dates in `by`.")] = "day"
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most groups.")] = 1_000


@router.get("/metrics", response_model=MetricList, responses=READ_ANSWERS)
def list_metrics(
    request: Request, reader: Annotated[Reader, Depends(reader_for("metrics:read"))]
) -> Response:
    """All metrics that the key may ask for."""
    layer = _layer(request)
    shown = [
        one for one in layer.catalogue.metrics.values() if not _hidden(one, reader.sight, layer)
    ]
    return reader.answer_present({"metrics": [entry(one) for one in shown]})


@router.get("/metrics/{name}/dimensions", response_model=MetricDescription, responses=READ_ANSWERS)
def describe_metric(
    request: Request,
    reader: Annotated[Reader, Depends(reader_for("metrics:read"))],
    name: str,
) -> Response:
    """One metric, and what it can be grouped and filtered by."""
    layer = _layer(request)
    metric = _metric(layer, name, reader.sight)
    names = [one.name for one in layer.group_bys([name])]
    seen = [one for one in names if not any(reader.sight.hides(part) for part in _parts_of(one))]
    content = {**entry(metric), "dimensions": seen}
    return reader.answer_present(content)


@router.get("/metrics/{name}", response_model=MetricAnswer, responses=READ_ANSWERS)
def ask_metric(
    request: Request,
    reader: Annotated[Reader, Depends(reader_for("metrics:read"))],
    name: str,
    question: Annotated[MetricQuestion, Depends(asked(MetricQuestion))],
) -> Response:
    """A metric by dimensions."""
    layer = _layer(request)
    metric = _metric(layer, name, reader.sight)
    return reader.answer(lambda: _answer(layer, metric, question, reader), layer.catalogue.digest)


def entry(metric: Metric) -> dict[str, Any]:
    """What a metric is, as the interface tells it."""
    return {
        "name": metric.name,
        "label_en": metric.label_en,
        "label_zh": metric.label_zh,
        "definition_en": metric.definition_en,
        "definition_zh": metric.definition_zh,
        "kind": metric.kind,
        "unit": metric.unit,
        "owner": metric.owner,
        "inputs": list(metric.inputs),
    }


def _answer(
    layer: MetricLayer, metric: Metric, question: MetricQuestion, reader: Reader
) -> dict[str, Any]:
    available = layer.group_bys([metric.name])
    conditions: list[str] = []
    params: dict[str, Any] = {}
    for text in question.where or ():
        condition = _Safe(text, len(params))
        _require_visible(condition.names, metric, reader.sight, available)
        conditions.append(condition.sql)
        params.update(condition.params)
    by = tuple(question.by or ())
    _require_visible(by, metric, reader.sight, available)
    query = MetricQuery((metric.name,), by, tuple(conditions), question.grain)
    try:
        found = layer.rows(query, reader.edition().lake, params or None, limit=question.limit + 1)
    except ContractError as error:  # the publication is older than the metric
        raise MissingError(str(error)) from error
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "groups": list(layer.sql(query).groups),
        "rows": found[: question.limit],
        "has_more": len(found) > question.limit,
    }


def _layer(request: Request) -> MetricLayer:
    return MetricLayer(api_of(request).settings, may_parse=False)


def _metric(layer: MetricLayer, name: str, sight: Sight) -> Metric:
    metric = layer.catalogue.metrics.get(name)
    if metric is None:
        raise MissingError(f"There is no metric {name[:100]}; /metrics lists all.")
    if _hidden(metric, sight, layer):
        raise ForbiddenError(f"This key may not see {name}; /metrics lists what it may.")
    return metric


def _hidden(metric: Metric, sight: Sight, layer: MetricLayer) -> bool:
    return any(sight.hides(one.name) for one in _parts(metric, layer))


def _parts(metric: Metric, layer: MetricLayer) -> Iterator[Metric]:
    """The metric and all that it is computed from."""
    yield metric
    for name in metric.inputs:
        yield from _parts(layer.catalogue.metrics[name], layer)


def _parts_of(dimension: str) -> list[str]:
    """The names in a dimension's name: `order__customer_no` tells of `customer_no`."""
    return [dimension, *dimension.split("__")]


def _is_known(word: str, available: list[GroupBy], metric: Metric) -> bool:
    try:
        find(word, available, metric.name)
    except InputError:
        return False
    return True


def _require_visible(
    words: tuple[str, ...], metric: Metric, sight: Sight, available: list[GroupBy]
) -> None:
    """Refuse hidden dimensions, by whatever name they are called.

    The lake of the key would show them as unknown; how many rows each of them has tells too.
    """
    for word in words:
        names = _parts_of(word)
        if _is_known(word, available, metric):
            names += _parts_of(find(word, available, metric.name).name)
        hidden = sorted({name for name in names if sight.hides(name)})
        if hidden:
            raise ForbiddenError(f"This key may not see {', '.join(hidden)}; leave it out.")


class _Safe:
    """A condition of a caller: printed from the checked tree, its values as parameters."""

    def __init__(self, text: str, taken: int) -> None:
        checked = parse_condition(text, parameters=())
        self.params: dict[str, Any] = {}
        self.names = tuple(sorted(checked.columns))
        tree = sqlglot.parse_one(checked.sql, dialect="duckdb").transform(
            lambda node: self._as_parameter(node, taken)
        )
        self.sql = f"({tree.sql(dialect='duckdb', identify=True)})"
        if "{" in self.sql:  # MetricFlow would read it as a template
            raise InputError("A condition may compare with braces only by =, <>, < or in.")

    def _as_parameter(self, node: exp.Expr, taken: int) -> exp.Expr:
        if isinstance(node, exp.Literal) and node.is_string and isinstance(node.parent, _COMPARED):
            name = f"value_{taken}_{len(self.params)}"
            self.params[name] = node.this
            return exp.Placeholder(this=name)
        return node
