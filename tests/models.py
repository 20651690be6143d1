"""Builds some models on a lake as `dbt build --select` does, and reads what came of them."""

import subprocess
from typing import Any

from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from orchestration.dbt_build import dbt_executable, ensure_manifest


def build_models(settings: Settings, *selection: str) -> None:
    """Build these models with their seeds and data tests; fails with what dbt said."""
    ensure_manifest(settings)
    project, target = str(settings.dbt_project_path), str(settings.dbt_target_path)
    done = subprocess.run(
        [
            dbt_executable(), "--no-use-colors", "build", "--select", *selection,
            "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious",
            "--project-dir", project, "--profiles-dir", project, "--target-path", target,
            "--log-path", str(settings.logs_path),
        ],
        env=settings.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the newest snapshot, published or not."""
    lake = connect_snapshot(settings)
    try:
        return lake.execute(sql).fetchall()
    finally:
        lake.close()
