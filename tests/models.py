"""Builds some models on a lake as `dbt build --select` does, and reads what came of them."""

from typing import Any

from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from orchestration.enabled_sources import refresh_enabled_sources
from tests.dbt_command import run_dbt


def build_models(settings: Settings, *selection: str) -> None:
    """Build these models with their seeds and data tests; fails with what dbt said."""
    refresh_enabled_sources(settings)
    run_dbt(
        settings, "build", "--select", *selection,
        "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious",
        "--no-write-json",
    )  # fmt: skip


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the newest snapshot, published or not."""
    lake = connect_snapshot(settings)
    try:
        return lake.execute(sql).fetchall()
    finally:
        lake.close()
