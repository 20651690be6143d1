"""Fixtures every suite may use: settings in a fresh home, and where the real data sets are."""

import os
from pathlib import Path

import pytest

from connectors.settings import PROJECT_ROOT, Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FOURFLOW_") and not name.startswith("FOURFLOW_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home of their own."""
    return load_settings(home=tmp_path / "home")


def real_data_folder() -> Path:
    """Where the public data sets lie; they are not part of the project."""
    return Path(os.environ.get("FOURFLOW_TEST_DATA", PROJECT_ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; skips the test where it is absent."""
    folder = real_data_folder()
    if not folder.is_dir():
        pytest.skip(f"real data sets not found at {folder}; set FOURFLOW_TEST_DATA to their folder")
    return folder
