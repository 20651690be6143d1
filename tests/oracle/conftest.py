"""A home with real and simulated data, loaded and built with dbt alone, nothing in between."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.lake.attach import connect_snapshot
from connectors.sandbox.build import build_sandbox
from connectors.sandbox.files.exports import TOOLS
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from orchestration.enabled_sources import refresh_enabled_sources
from tests.dbt_command import run_dbt

WORLD = WorldConfig(end_date=date(2025, 9, 30), days=35, orders_per_day=150, seed=11)


@dataclass(frozen=True)
class Warehouse:
    """One home: what is loaded into it and what dbt made of it."""

    settings: Settings

    def load(self, source: str, path: Path, *, day: int = 1) -> None:
        """Load files as if they had come on that day of the month."""
        load_files(self.settings, source, path, now=datetime(2026, 1, day, tzinfo=UTC))

    def dbt(self, *arguments: str) -> None:
        """Run dbt; a failure fails the test with dbt's own words."""
        run_dbt(self.settings, *arguments)

    def enable_own_sources(self) -> None:
        """Let dbt build the models of what is loaded only, as a run does."""
        refresh_enabled_sources(self.settings)

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the newest state of the lake."""
        connection = connect_snapshot(self.settings)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Warehouse]:
    """Makes an empty warehouse of that name; other settings than the usual ones by keyword."""

    def make(name: str, **settings: object) -> Warehouse:
        return Warehouse(load_settings(home=tmp_path_factory.mktemp(name), **settings))

    return make


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a small simulated retailer."""
    folder = tmp_path_factory.mktemp("retailer")
    build_sandbox(WORLD, folder)
    return folder


@pytest.fixture(scope="session")
def full_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the same retailer with everything that it can have."""
    folder = tmp_path_factory.mktemp("full_world")
    build_sandbox(replace(WORLD, scenario=Scenario.full()), folder)
    return folder


@pytest.fixture(scope="session")
def warehouse(
    new_warehouse: Callable[..., Warehouse], real_data: Path, full_world: Path
) -> Warehouse:
    """Both real data sets and the simulated retailer, built and tested by dbt."""
    made = new_warehouse("warehouse")
    made.load("online_retail", real_data / "online_retail_1" / "online_retail.parquet")
    made.load("tmall", real_data / "tmall" / "raw" / "tmall_order_report.csv")
    made.load("sandbox", full_world)
    for tool in TOOLS:
        made.load(tool, full_world / tool)
    made.dbt("build")
    return made
