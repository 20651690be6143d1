"""Staging is incremental: whatever the batches, it ends as if everything had come at once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]
STAGING = [
    f"stg_sandbox__{entity}"
    for entity in (
        "orders",
        "order_lines",
        "payments",
        "refunds",
        "parcels",
        "stock",
        "products",
        "customers",
    )
]


def _day_files(folder: Path) -> dict[str, list[Path]]:
    days: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/*.csv")):
        days.setdefault(path.stem, []).append(path)
    return days


def _offer(days: dict[str, list[Path]], wanted: list[str], source: Path, target: Path) -> None:
    for day in wanted:
        for path in days[day]:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def _contents(warehouse: Warehouse) -> dict[str, list[tuple]]:
    return {
        model: warehouse.query(f"select * from staging.{model} order by source_id")
        for model in STAGING
    }


def test_batches_in_any_order_stage_what_a_full_refresh_stages(
    new_warehouse: Callable[[str], Warehouse], simulated: Path, tmp_path: Path
):
    warehouse, offered = new_warehouse("incremental"), tmp_path / "offered"
    days = _day_files(simulated)
    names = list(days)
    # Out of order, an edited file (a new version of the same name) and an empty pass.
    batches = [names[20:], names[:10], [], names[10:20]]
    for number, batch in enumerate(batches, start=1):
        _offer(days, batch, simulated, offered)
        if number == 4:
            edited = offered / "orders" / f"{names[3]}.csv"
            lines = edited.read_text(encoding="utf-8").splitlines(keepends=True)
            edited.write_text("".join(lines[:-2]), encoding="utf-8")
        warehouse.load("sandbox", offered, day=number)
        warehouse.enable_own_sources()
        warehouse.dbt("run", "--select", "path:models/staging")
    incremental = _contents(warehouse)
    warehouse.dbt("run", "--select", "path:models/staging", "--full-refresh")
    assert _contents(warehouse) == incremental
    assert all(incremental.values())
