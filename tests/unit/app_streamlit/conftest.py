"""Homes for the tests of the pages: published, red, stale and empty; made once a session."""

import functools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

sys.path.insert(0, str(Path(__file__).resolve().parent))

from published_fixture import age, make_published_home, make_red, unfill

from connectors.settings import load_settings


@pytest.fixture(scope="session", autouse=True)
def _packages_scanned_once() -> Iterator[None]:
    """Look for packages with components once: `AppTest` does at every run, a server at its start.

    Reading the metadata of everything installed was most of what a run of a page cost.
    """
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one publication and decisions."""
    home = tmp_path_factory.mktemp("published")
    make_published_home(load_settings(home=home))
    return home


@pytest.fixture(scope="session")
def red_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose newest run failed a blocking check, with held decisions."""
    home = tmp_path_factory.mktemp("red")
    settings = load_settings(home=home)
    make_published_home(settings, red=True)
    make_red(settings)
    return home


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where nothing was ever published."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="session")
def stale_home(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published home days later: nothing was published since."""
    home = tmp_path_factory.mktemp("stale") / "home"
    shutil.copytree(published_home, home)
    age(load_settings(home=home))
    return home


@pytest.fixture(scope="session")
def unfilled_home(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new installation that ran before anything arrived: every table, no row."""
    home = tmp_path_factory.mktemp("unfilled") / "home"
    shutil.copytree(published_home, home, ignore=shutil.ignore_patterns("operations.*"))
    unfill(load_settings(home=home))
    return home
