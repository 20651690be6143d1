"""The mode for teams: lake catalogue and operational database in PostgreSQL, same figures."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.world import WorldConfig
from tests.installation import Installation
from tests.oracle.sandbox import differences

pytestmark = [pytest.mark.integration, pytest.mark.heavy]


def test_whole_thread_runs_on_postgres_and_agrees_with_the_truth(
    tmp_path: Path, make_postgres_database: Callable[[], str]
):
    world = tmp_path / "world"
    build_sandbox(
        WorldConfig(days=20, orders_per_day=60, seed=5, end_date=date(2026, 10, 31)), world
    )
    installation = Installation(
        tmp_path / "home",
        {
            "FOURFLOW_CATALOG_URL": make_postgres_database(),
            "FOURFLOW_DATABASE_URL": make_postgres_database(),
        },
    )
    report = installation.json("run", f"--source=sandbox={world}")
    assert report["status"] == "published"
    assert not (installation.home / "lake.sqlite").exists()
    assert not (installation.home / "operations.sqlite").exists()
    assert differences(world / "truth.json", installation.tuples) == []
    again = installation.json("run")
    assert again["publication_id"] != report["publication_id"]
    installation.run("doctor")
    json.dumps(installation.json("status"))
