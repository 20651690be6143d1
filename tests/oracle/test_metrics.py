"""Every metric of the semantic layer says what plain SQL on its mart says."""

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from connectors.database.publications import Publication
from connectors.lake.attach import connect_snapshot
from connectors.lake.reader import PublishedLake
from orchestration.metrics.layer import MetricLayer, MetricQuery
from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]

_PLAIN = yaml.safe_load(Path(__file__).with_name("metric_sql.yml").read_text(encoding="utf-8"))
BY_MART: list[dict[str, Any]] = _PLAIN["by_mart"]
BY_DAY: dict[str, str] = _PLAIN["by_day"]


@pytest.fixture(scope="module")
def layer(warehouse: Warehouse) -> MetricLayer:
    return MetricLayer(warehouse.settings, may_parse=False)


@pytest.fixture(scope="module")
def lake(warehouse: Warehouse) -> Iterator[PublishedLake]:
    publication = cast("Publication", SimpleNamespace(publication_id="not published"))
    with PublishedLake(publication, connect_snapshot(warehouse.settings)) as opened:
        yield opened


def _keyed(rows: list[dict[str, Any]], keys: list[str], value: str) -> dict[tuple[Any, ...], Any]:
    return {tuple(row[key] for key in keys): row[value] for row in rows}


def _same(one: Any, other: Any) -> bool:
    """Exactly for counts and sums; to twelve digits for quotients; unknown is unknown."""
    if one is None or other is None:
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-6)
    return Decimal(one) == Decimal(other)


def _differences(
    asked: dict[tuple[Any, ...], Any], plain: dict[tuple[Any, ...], Any]
) -> list[tuple[Any, ...]]:
    """Groups that differ; one that only one side has must be unknown on the other."""
    return [
        (key, asked.get(key), plain.get(key))
        for key in asked.keys() | plain.keys()
        if not _same(asked.get(key), plain.get(key))
    ]


def test_every_metric_has_its_plain_sql(layer: MetricLayer):
    assert set(layer.catalogue.metrics) == {n for one in BY_MART for n in one["metrics"]} | set(
        BY_DAY
    )


@pytest.mark.parametrize("entry", BY_MART, ids=lambda entry: entry["mart"].split()[0])
def test_metrics_of_a_mart_say_what_plain_sql_says(
    entry: dict[str, Any], layer: MetricLayer, lake: PublishedLake
):
    mart, metrics = entry["mart"], entry["metrics"]
    group = "source" if mart == "rpt_conservation" else "business"
    query = MetricQuery(tuple(metrics), by=(group,))
    keys = list(layer.sql(query).groups)
    asked = layer.rows(query, lake)
    values = ", ".join(f"{value} as {name}" for name, value in metrics.items())
    plain = lake.rows(f"select {', '.join(keys)}, {values} from {mart} group by all")
    wrong = {
        name: _differences(_keyed(asked, keys, name), _keyed(plain, keys, name)) for name in metrics
    }
    assert {name: found for name, found in wrong.items() if found} == {}


def test_every_metric_over_time_says_what_plain_sql_says(layer: MetricLayer, lake: PublishedLake):
    wrong = {}
    for name, sql in BY_DAY.items():
        query = MetricQuery((name,), by=("business", "day"), where=("currency_code = 'CNY'",))
        asked = _keyed(layer.rows(query, lake), ["business", "day"], name)
        plain = {tuple(row.values())[:2]: tuple(row.values())[2] for row in lake.rows(sql)}
        if not plain:
            wrong[name] = "plain SQL finds nothing"
        for key, value in plain.items():
            if not _same(asked.get(key), value):
                wrong[name] = f"{key}: {asked.get(key)}, in plain SQL {value}"
    assert wrong == {}


def test_answers_by_parts_add_up_to_the_whole(layer: MetricLayer, lake: PublishedLake):
    """From the total to a channel to a province to a single order: sums tie at each level."""
    whole = layer.rows(MetricQuery(("net_sales", "order_count")), lake)
    for by in ("channel", "province", "order_document"):
        parts = layer.rows(MetricQuery(("net_sales", "order_count"), by=(by,)), lake)
        for total in whole:
            chosen = [row for row in parts if row["currency_code"] == total["currency_code"]]
            assert sum(row["net_sales"] for row in chosen) == total["net_sales"], by
            assert sum(row["order_count"] for row in chosen) == total["order_count"], by
