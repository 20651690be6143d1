"""Browsers and simulated viewers use the dashboards of a home while another process writes.

Browsers are headless Chromium pages: they open every page and choose a channel on it, and the times
are what somebody sees: from asking for the address to the first tile (a figure, a table or a chart)
being visible, and from a click to the page standing still again. Simulated viewers are sessions of
the same server over its websocket, as browsers open them, which draw nothing: they go from page to
page with some seconds in between, so that the server works for all of them.

FOURFLOW_BENCH_HOME names a home to copy; without it a small one is made. Browsers share the cores
with the server here, so on two cores they wait for themselves too: `server_run` is how long the
server alone takes for a page of a viewer.
"""

import asyncio
import contextlib
import os
import random
import shutil
import statistics
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as BrowserError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from app_streamlit.launch import dashboard_command
from app_streamlit.ui.i18n import Translator
from app_streamlit.ui.navigation import ENTRIES
from connectors.settings import PROJECT_ROOT, Settings
from tests.benchmarks.api import free_port, home_for_bench, machine, size_of, started

VIEWERS = 20
BROWSERS = 2
ROUNDS = 3
THINK_SECONDS = 15.0
_START_SECONDS = 120
_PATIENCE_MS = 120_000
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_TILE = (
    "[data-testid='stMain'] :is([data-testid='stMetricValue'], [data-testid='stDataFrame'], "
    "[data-testid='stTable'], .js-plotly-plot, table)"
)
_FIRST_LINE = "[data-testid='stMain'] h5"
# Resolves with the milliseconds from a click to the script having run and stood still.
_UNTIL_STILL = """() => new Promise(resolve => {
  const app = document.querySelector("[data-testid='stApp']");
  const began = performance.now();
  let ran = false;
  const look = () => {
    const running = app.getAttribute("data-test-script-state") !== "notRunning";
    ran = ran || running;
    if (ran && !running) { watch.disconnect(); resolve(performance.now() - began); }
  };
  const watch = new MutationObserver(look);
  watch.observe(app, {attributes: true, attributeFilter: ["data-test-script-state"]});
})"""


@dataclass
class Seen:
    """What browsers and viewers saw, in milliseconds."""

    cold: dict[str, float] = field(default_factory=dict)
    first_line: dict[str, list[float]] = field(default_factory=dict)
    first_tile: dict[str, list[float]] = field(default_factory=dict)
    interaction: dict[str, list[float]] = field(default_factory=dict)
    server_run: list[float] = field(default_factory=list)
    without_tile: set[str] = field(default_factory=set)


def run(
    viewers: int = VIEWERS,
    browsers: int = BROWSERS,
    rounds: int = ROUNDS,
    pages: Sequence[str] = (),
) -> dict[str, Any]:
    """The figures of all pages (or of some): the first visit apart, then the others."""
    names = list(pages) or [entry.name for entry in ENTRIES]
    with tempfile.TemporaryDirectory() as scratch:
        settings = home_for_bench(Path(scratch) / "home")
        port = free_port()
        with (
            _dashboards(settings, port, Path(scratch) / "log") as server,
            started(settings, "writer", "tests.benchmarks.api", "write") as writer,
        ):
            processes = {
                "server": psutil.Process(server),
                "writer": psutil.Process(writer.pid),
            }
            before, began = _cpu(processes), time.monotonic()
            seen = asyncio.run(_visit(f"127.0.0.1:{port}", names, viewers, browsers, rounds))
            passed = time.monotonic() - began
            shares = {
                f"{name}_cpu_share": round((spent - before[name]) / passed, 2)
                for name, spent in _cpu(processes).items()
            }
        return {
            **machine(), **size_of(settings), "viewers": viewers, "browsers": browsers,
            "rounds": rounds, "seconds": round(passed), **shares, **_figures(seen, names),
        }  # fmt: skip


def _figures(seen: Seen, names: Sequence[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for kind in ("first_line", "first_tile", "interaction"):
        by_page: dict[str, list[float]] = getattr(seen, kind)
        figures |= _cuts(f"all_{kind}", [one for many in by_page.values() for one in many])
    figures |= _cuts("viewer_server_run", seen.server_run)
    figures["viewer_runs"] = len(seen.server_run)
    for name in names:
        if name in seen.cold:
            figures[f"{name}_first_visit_ms"] = round(seen.cold[name])
        figures |= _cuts(f"{name}_first_tile", seen.first_tile.get(name, []))
        figures |= _cuts(f"{name}_interaction", seen.interaction.get(name, []))
    if seen.without_tile:
        figures["pages_without_tile"] = ", ".join(sorted(seen.without_tile))
    return figures


def _cuts(name: str, took: Sequence[float]) -> dict[str, int]:
    if not took:
        return {}
    if len(took) == 1:
        return {f"{name}_p50_ms": round(took[0]), f"{name}_p95_ms": round(took[0])}
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return {f"{name}_p50_ms": round(cuts[9]), f"{name}_p95_ms": round(cuts[18])}


async def _visit(
    place: str, names: Sequence[str], viewers: int, browsers: int, rounds: int
) -> Seen:
    """First every page once, alone; then the viewers come, and browsers open the pages again."""
    seen = Seen()
    async with _chromium() as browser:
        await _browse(browser, place, names, seen, is_first=True)
        async with _in_background([_view(place, names, n, seen) for n in range(viewers)]):
            turns = [names[number::browsers] for number in range(browsers)]
            for _ in range(rounds):
                await asyncio.gather(
                    *(_browse(browser, place, turn, seen, is_first=False) for turn in turns)
                )
    return seen


@asynccontextmanager
async def _chromium() -> AsyncIterator[Browser]:
    name = os.environ.get("CHROMIUM", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which(name), args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def _in_background(work: Sequence[Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()  # a viewer that failed is no load
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _browse(
    browser: Browser, place: str, names: Sequence[str], seen: Seen, *, is_first: bool
) -> None:
    for name in names:
        context = await browser.new_context(viewport={"width": 1440, "height": 1100})
        context.set_default_timeout(_PATIENCE_MS)
        try:
            await _open(await context.new_page(), place, name, seen, is_first=is_first)
        finally:
            await context.close()


async def _open(page: Page, place: str, name: str, seen: Seen, *, is_first: bool) -> None:
    path = "" if name == ENTRIES[0].name else name
    began = time.perf_counter()

    async def shown(selector: str) -> float:
        await page.locator(selector).first.wait_for(state="visible")
        return (time.perf_counter() - began) * 1_000

    await page.goto(f"http://{place}/{path}?lang=en", wait_until="commit")
    line = asyncio.ensure_future(shown(_FIRST_LINE))
    tile = asyncio.ensure_future(shown(_TILE))
    still = page.wait_for_selector(
        "[data-testid='stApp'][data-test-script-state='notRunning'] h1", timeout=_PATIENCE_MS
    )
    try:
        await still
        await asyncio.wait({line, tile}, timeout=10)
        first = next((one.result() for one in (tile, line) if one.done()), None)
        if not tile.done():
            seen.without_tile.add(name)
        if is_first:
            if first is not None:
                seen.cold[name] = first
            return
        for kind, task in ((seen.first_line, line), (seen.first_tile, tile)):
            if task.done():
                kind.setdefault(name, []).append(task.result())
        await _interact(page, name, seen)
    finally:
        for task in (line, tile):
            task.cancel()
        await asyncio.gather(line, tile, return_exceptions=True)


async def _interact(page: Page, name: str, seen: Seen) -> None:
    """Choose the first channel in the sidebar; a page of a home with one channel has none."""
    box = page.get_by_test_id("stSidebar").get_by_label(Translator("en")("filters.channel"))
    if not await box.count():
        return
    await box.first.click()
    option = page.get_by_role("option").nth(1)
    await option.wait_for()
    still = asyncio.ensure_future(page.evaluate(_UNTIL_STILL))
    await asyncio.sleep(0)  # the watch is sent before the click
    try:
        await option.click()
        seen.interaction.setdefault(name, []).append(await asyncio.wait_for(still, 60))
    except (TimeoutError, BrowserError):
        still.cancel()


async def _view(place: str, names: Sequence[str], number: int, seen: Seen) -> None:
    """One simulated viewer: a session that goes from page to page until it is cancelled."""
    chance = random.Random(number)
    await asyncio.sleep(THINK_SECONDS * chance.random())
    async with connect(
        f"ws://{place}/_stcore/stream", origin=f"http://{place}", subprotocols=["streamlit"],
        max_size=None, ping_interval=None,
    ) as socket:  # fmt: skip
        while True:
            began = time.perf_counter()
            await _rerun(socket, chance.choice(names))
            seen.server_run.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(THINK_SECONDS * (0.5 + chance.random()))


async def _rerun(socket: ClientConnection, name: str) -> None:
    """Ask for a page, and read until the server has sent all of it."""
    asked = BackMsg()
    asked.rerun_script.page_name = "" if name == ENTRIES[0].name else name
    asked.rerun_script.query_string = "lang=en"
    await socket.send(asked.SerializeToString())
    while True:
        told = ForwardMsg()
        told.ParseFromString(await socket.recv(decode=False))
        if told.WhichOneof("type") == "script_finished":
            return


@contextmanager
def _dashboards(settings: Settings, port: int, log: Path) -> Iterator[int]:
    """The dashboards as `fourflow up` serves them; the id of their process."""
    command = dashboard_command(settings, port)
    with log.open("wb") as file:
        process = psutil.Popen(
            command, env=settings.child_environment(), cwd=PROJECT_ROOT, stdout=file, stderr=file
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while time.monotonic() < deadline:
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2),
                ):
                    break
                time.sleep(0.3)
            else:
                raise TimeoutError(f"The dashboards did not start: {log.read_text()[-2_000:]}")
            yield int(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except psutil.TimeoutExpired:  # it still works for viewers that have gone
                process.kill()


def _cpu(processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Processor time so far: of processes, of browsers, of this one, and of the whole machine."""
    spent = {}
    for name, process in processes.items():
        times = process.cpu_times()
        spent[name] = times.user + times.system
    own = os.times()
    spent["simulated_viewers"] = own.user + own.system
    whole = psutil.cpu_times()
    spent["machine"] = whole.user + whole.system + whole.nice
    return spent
