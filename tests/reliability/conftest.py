"""A small simulated retailer whose day files arrive one after the other."""

import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.world import WorldConfig
from tests.installation import Installation
from tests.lean_project import lean_project

HEAVY = os.environ.get("FOURFLOW_TEST_HEAVY") == "1"


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files and truth of 40 days with 60 orders each."""
    folder = tmp_path_factory.mktemp("world")
    build_sandbox(
        WorldConfig(days=40, orders_per_day=60, seed=11, end_date=date(2026, 10, 31)), folder
    )
    return folder


@pytest.fixture(scope="session")
def small_truth(small_world: Path) -> dict[str, Any]:
    """What the simulation knows to be true."""
    return json.loads((small_world / "truth.json").read_text(encoding="utf-8"))


class Inbox:
    """A folder into which the world's day files are dropped, oldest first."""

    def __init__(self, world: Path, folder: Path) -> None:
        self.folder = folder
        files = list(world.glob("*/*.csv"))
        self._waiting = sorted(files, key=lambda path: (path.stem, path.parent.name))

    def days(self) -> list[str]:
        """Days that have not arrived yet."""
        return sorted({path.stem for path in self._waiting})

    def receive(self, count: int) -> None:
        """Let the files of the next `count` days arrive."""
        days = set(self.days()[:count])
        for path in [path for path in self._waiting if path.stem in days]:
            target = self.folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        self._waiting = [path for path in self._waiting if path.stem not in days]


@pytest.fixture
def inbox(small_world: Path, tmp_path: Path) -> Inbox:
    """An empty inbox of that world."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return Inbox(small_world, folder)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An empty installation that builds what a run reads; the orders mart is checked."""
    return Installation(tmp_path / "home", {"FOURFLOW_DBT_PROJECT": str(lean_project())})
