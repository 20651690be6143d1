"""A real browser against the real dashboards, on any published home."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app_streamlit.launch import dashboard_command
from app_streamlit.ui.i18n import Language
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from tests.e2e.cockpit import Cockpit
from tests.installation import Installation

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_TIMEOUT_SECONDS = 90


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


@dataclass(frozen=True)
class Dashboards:
    """Where the served pages are."""

    url: str
    log: Path


@pytest.fixture(scope="session")
def dashboards(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    """The dashboards of that home, served as `fourflow up` serves them."""
    log = tmp_path_factory.mktemp("server") / "dashboards.log"
    with serve_dashboards(load_settings(home=demo_home), free_port(), log) as served:
        yield served


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def serve_dashboards(settings: Settings, port: int, log: Path) -> Iterator[Dashboards]:
    """Serve the dashboards of these settings for as long as the block takes."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            dashboard_command(settings, port),
            env=settings.child_environment(),
            cwd=PROJECT_ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_healthy(process, url, log)
            yield Dashboards(url, log)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the dashboards did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


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
