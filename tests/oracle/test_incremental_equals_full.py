"""Whatever the batches, models end as if all had come at once; where nothing is new, none writes.

What an incremental model keeps, and what a model leaves alone because its inputs are unchanged.
"""

import contextlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connectors.lake.attach import catalogue_schema, connect_snapshot, connect_writer
from connectors.lake.tables import contents_query
from connectors.sandbox.build import build_sandbox
from connectors.sandbox.files.analytics import SOURCE as VISITS
from connectors.sandbox.world import Scenario, WorldConfig
from orchestration.dbt_build import ensure_manifest
from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]
WORLD = WorldConfig(
    end_date=date(2025, 9, 30), days=12, orders_per_day=60, seed=5, scenario=Scenario.full()
)
RESENT_SHORTER = ("orders", "order_lines", "payments", "refunds", "parcels")
BUILD = (
    "build", "--no-write-json", "--exclude-resource-type", "test",
    "--exclude-resource-type", "unit_test",
)  # fmt: skip
INCREMENTAL = ("--select", "+config.materialized:incremental")


def _batches(days: list[str], seed: int) -> list[list[str]]:
    """The days in random order, in three parts of random size and an empty one."""
    chance = random.Random(seed)
    shuffled = chance.sample(days, len(days))
    first, second = sorted(chance.sample(range(1, len(days)), 2))
    return [shuffled[:first], shuffled[first:second], [], shuffled[second:]]


def _offer(days: list[str], world: Path, offered: Path) -> None:
    named = {*days, *(f"events_{day[:10].replace('-', '')}" for day in days)}
    for path in (*world.glob("*/*.csv"), *world.glob(f"{VISITS}/*.parquet")):
        if path.stem in named:
            copy = offered / path.relative_to(world)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def _take_rows_out(offered: Path, seed: int) -> None:
    """A file of each kind comes again without its first third: those rows are deleted."""
    chance = random.Random(seed)
    for entity in RESENT_SHORTER:
        path = chance.choice(sorted((offered / entity).glob("*.csv")))
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:1] + lines[1 + len(lines) // 3 :]))
    path = chance.choice(sorted((offered / VISITS).glob("*.parquet")))
    events = pq.read_table(path)
    pq.write_table(events.slice(events.num_rows // 3), path)


def _tables(warehouse: Warehouse) -> list[str]:
    manifest = json.loads(ensure_manifest(warehouse.settings).read_text(encoding="utf-8"))
    return [
        f"{node['schema']}.{node['name']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] in ("incremental", "table")
    ]


def _written(warehouse: Warehouse) -> dict[str, str]:
    """What identifies the content of every table, but those in which dbt keeps its books."""
    with connect_writer(warehouse.settings, purpose="asking the catalogue") as connection:
        found = connection.execute(contents_query(catalogue_schema(connection))).fetchall()
    return {f"{row[0]}.{row[1]}": row[2] for row in found if row[1] != "build_log"}


def _contents(warehouse: Warehouse, models: list[str]) -> dict[str, list[str]]:
    with contextlib.closing(connect_snapshot(warehouse.settings)) as connection:
        return {
            model: sorted(map(str, connection.execute(f"select * from {model}").fetchall()))
            for model in models
        }


@pytest.mark.parametrize(
    "seed", [3, pytest.param(4, marks=pytest.mark.heavy), pytest.param(5, marks=pytest.mark.heavy)]
)
def test_random_batches_give_what_a_full_refresh_gives(
    new_warehouse: Callable[..., Warehouse], tmp_path: Path, seed: int
):
    warehouse, world, offered = new_warehouse("incremental"), tmp_path / "world", tmp_path / "all"
    build_sandbox(replace(WORLD, seed=seed), world)
    days = sorted({path.stem for path in world.glob("orders/*.csv")})
    calendar: list[str | None] = []
    for number, batch in enumerate(_batches(days, seed), start=1):
        _offer(batch, world, offered)
        if number > 2:
            _take_rows_out(offered, seed + number)
        warehouse.load("sandbox", offered, day=number)
        warehouse.load(VISITS, offered / VISITS, day=number)
        warehouse.enable_own_sources()
        warehouse.dbt(*BUILD, *(INCREMENTAL if number == 1 else ()))
        calendar.append(_written(warehouse).get("marts.dim_dates"))
    written = _written(warehouse)
    assert calendar[1]
    assert calendar[-2:] == calendar[1:2] * 2, "a table was written again after its first build"
    warehouse.dbt(*BUILD)
    assert _written(warehouse) == written, "nothing was new, and yet something was written"
    models = _tables(warehouse)
    incremental = _contents(warehouse, models)
    told = warehouse.query("select count(number) from reference.touched_keys")[0][0]
    warehouse.dbt(*BUILD, "--full-refresh")
    full = _contents(warehouse, models)
    assert [model for model in models if incremental[model] != full[model]] == []
    assert told > 100, "the batches were not written as what they touched"
    assert all(incremental[f"marts.{name}"] for name in ("fct_orders", "fct_refunds", "fct_visits"))
