"""A real browser against the real dashboards, on any published home."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app_streamlit.ui.i18n import Language
from connectors.settings import load_settings
from orchestration.decisions.rulebook import switch_rule
from tests.e2e.cockpit import Cockpit
from tests.e2e.served import Dashboards, free_port, serve_dashboards
from tests.e2e.workplace import APPROVALS, Workplace, copy_home
from tests.installation import Installation

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """What `fourflow demo` made and said."""

    installation: Installation
    output: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo of the readme, smaller."""
    installation = Installation(tmp_path_factory.mktemp("demo") / "home")
    result = installation.run(
        "demo", "--no-serve", "--days", "75", "--orders-per-day", "50", "--seed", "7"
    )
    return Demo(installation, result.stdout)


@pytest.fixture(scope="session")
def demo_home(request: pytest.FixtureRequest) -> Path:
    """A published home: the demo's, or the one that `FOURFLOW_TEST_HOME` names."""
    given = os.environ.get("FOURFLOW_TEST_HOME")
    return Path(given) if given else request.getfixturevalue("demo").installation.home


@pytest.fixture(scope="session")
def dashboards(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    """The dashboards of that home, served as `fourflow up` serves them."""
    log = tmp_path_factory.mktemp("server") / "dashboards.log"
    with serve_dashboards(load_settings(home=demo_home), free_port(), log) as served:
        yield served


@pytest.fixture(scope="session")
def workplace(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A copy of the demo's home on the morning after: purchases and large orders wait for people.

    Whatever a test does there, the others find it: it leaves rules, publication and files as they
    were, and takes up decisions that wait when it looks.
    """
    folder = tmp_path_factory.mktemp("workplace")
    home = copy_home(demo_home, folder / "home")
    (home.home / "approvals.yml").write_text(APPROVALS, encoding="utf-8")
    with serve_dashboards(home.settings, free_port(), folder / "dashboards.log") as served:
        place = Workplace(home, served)
        switch_rule(place.engine, "approve_order_amount", "enabled", author="Li", reason="go live")
        place.decide()
        yield place


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, or the one that CHROMIUM names; skips where there is none.

    It ends with the module: while it runs, so does Playwright's event loop in this thread, and
    other tests could not start one.
    """
    name = os.environ.get("CHROMIUM", "chromium")
    executable = shutil.which(name)
    if executable is None:
        pytest.skip(
            f"no Chromium found as '{name}': run `make browser`, or set CHROMIUM to its path"
        )
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh window of desktop size."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1100}, locale="en-US")
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def phone(chromium: Any) -> Iterator[Any]:
    """A fresh window of a phone's size."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def lake(demo_home: Path) -> Installation:
    """What is published in that home, asked by SQL and by the command."""
    return Installation(demo_home)


@pytest.fixture(scope="session")
def period(lake: Installation) -> tuple[date, date]:
    """The days that pages show at first: four weeks, the last day of which has ended everywhere."""
    last = lake.value(
        "select max(business_date) from (select business_date from rpt_channel_daily group by 1 "
        "having bool_and(is_complete_day))"
    )
    return last - timedelta(days=27), last


@pytest.fixture
def cockpit_in(chromium: Any) -> Iterator[Callable[..., Cockpit]]:
    """Opens a fresh desktop window on some dashboards, in a language."""
    contexts: list[Any] = []

    def open_window(served: Dashboards, language: Language = "en") -> Cockpit:
        context = chromium.new_context(viewport={"width": 1440, "height": 1100}, locale="en-US")
        context.set_default_timeout(30_000)
        contexts.append(context)
        return Cockpit(context.new_page(), served.url, language)

    yield open_window
    for context in contexts:
        context.close()
