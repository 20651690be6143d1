"""How long the dashboards of a home take: the server alone, and browsers beside many viewers.

First the server by itself: one session over its websocket, as a browser opens it, asks for every
page for the first time since the server started, then again, then with other periods (which nobody
asked before). Each view's time and the processor time of the server are taken.

Then twenty simulated viewers come, sessions which draw nothing and go from page to page with some
seconds in between, and another process writes into the lake all the while. Headless Chromium opens
the pages beside them: from asking for the address to the first words and the first tile (a figure,
a table or a chart) being visible, and from choosing a channel to the page standing still again. A
browser keeps its cache, as the browser of somebody who comes every day does; it shares the cores
with server, viewers and writer here, so on two cores it waits for itself too.

FOURFLOW_BENCH_HOME names a home to copy; without it a small one is made. FOURFLOW_BENCH_TIMES
copies each of its orders so many times (`enlarged`), to see pages where a retailer is large.
"""

import asyncio
import contextlib
import itertools
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
SECONDS = 70
ALONE_SECONDS = 40
PERIODS = ("7d", "90d", "all")
THINK_SECONDS = 15.0
_START_SECONDS = 120
_PATIENCE_MS = 60_000
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
    """What was seen of each page, in milliseconds."""

    first: dict[str, list[float]] = field(default_factory=dict)
    warm: dict[str, list[float]] = field(default_factory=dict)
    filtered: dict[str, list[float]] = field(default_factory=dict)
    first_cpu: dict[str, list[float]] = field(default_factory=dict)
    warm_cpu: dict[str, list[float]] = field(default_factory=dict)
    filtered_cpu: dict[str, list[float]] = field(default_factory=dict)
    viewer: dict[str, list[float]] = field(default_factory=dict)
    words: dict[str, list[float]] = field(default_factory=dict)
    tile: dict[str, list[float]] = field(default_factory=dict)
    choice: dict[str, list[float]] = field(default_factory=dict)

    unopened: int = 0

    def note(self, kind: str, name: str, took: float) -> None:
        """Add one time of a page."""
        getattr(self, kind).setdefault(name, []).append(took)


# What is printed of each, and of all pages together.
_TITLES = {
    "first": "server_first_view",
    "first_cpu": "server_first_view_cpu",
    "warm": "server_warm_view",
    "warm_cpu": "server_warm_view_cpu",
    "filtered": "server_other_period",
    "filtered_cpu": "server_other_period_cpu",
    "viewer": "viewer_view",
    "words": "browser_words",
    "tile": "browser_tile",
    "choice": "browser_choice",
}


def run(
    viewers: int = VIEWERS, seconds: int = SECONDS, pages: Sequence[str] = ()
) -> dict[str, Any]:
    """The figures of all pages (or of some)."""
    names = list(pages) or [entry.name for entry in ENTRIES]
    seen = Seen()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        settings = home_for_bench(Path(scratch) / "home")
        figures |= machine() | size_of(settings)
        port = free_port()
        place = f"127.0.0.1:{port}"
        with _dashboards(settings, port, Path(scratch) / "log") as server_id:
            server = psutil.Process(server_id)
            began = time.monotonic()
            asyncio.run(_alone(place, names, server, seen))
            figures["alone_seconds"] = round(time.monotonic() - began)
            with started(settings, "writer", "tests.benchmarks.api", "write") as writer:
                processes = {"server": server, "writer": psutil.Process(writer.pid)}
                before, began = _cpu(processes), time.monotonic()
                asyncio.run(_together(place, names, viewers, seconds, seen))
                passed = time.monotonic() - began
                after = _cpu(processes)
            figures |= {"viewers": viewers, "together_seconds": round(passed)}
            for name, spent in after.items():
                figures[f"{name}_cpu_share"] = round((spent - before[name]) / passed, 2)
    return figures | _figures(seen, names)


def _figures(seen: Seen, names: Sequence[str]) -> dict[str, Any]:
    """Of all pages together, then a table of the pages."""
    figures: dict[str, Any] = {"browser_unopened": seen.unopened}
    rows: list[dict[str, Any]] = [{"page": name} for name in names]
    for kind, title in _TITLES.items():
        by_page: dict[str, list[float]] = getattr(seen, kind)
        together = [one for many in by_page.values() for one in many]
        if not together:
            continue
        figures[f"{title}_count"] = len(together)
        p50, p95 = _cuts(together)
        figures |= {f"{title}_p50_ms": p50, f"{title}_p95_ms": p95}
        for row in rows:
            took = by_page.get(row["page"])
            p50, p95 = _cuts(took) if took else (None, None)
            if kind == "first" or kind.endswith("_cpu"):
                row[f"{title}_ms"] = p50
            else:
                row |= {f"{title}_p50_ms": p50, f"{title}_p95_ms": p95}
    return figures | {"pages": rows}


def _cuts(took: Sequence[float]) -> tuple[int, int]:
    if len(took) == 1:
        return round(took[0]), round(took[0])
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return round(cuts[9]), round(cuts[18])


async def _alone(place: str, names: Sequence[str], server: psutil.Process, seen: Seen) -> None:
    """One session asks for every page, again, and for other periods."""
    async with _session(place) as socket:
        # What no page of its own costs (modules, the semantic layer) is not the first page's.
        await _ask(socket, "definitions", "lang=en")

        async def view(kind: str, name: str, query: str) -> None:
            before = _spent(server)
            seen.note(kind, name, await _ask(socket, name, query))
            seen.note(f"{kind}_cpu", name, (_spent(server) - before) * 1_000)

        for name in names:
            await view("first", name, "lang=en")
        began = time.monotonic()
        for turn, period in enumerate(PERIODS):
            for name in names:
                await view("warm", name, "lang=en")
            for name in names:
                if turn and time.monotonic() > began + ALONE_SECONDS:
                    return  # a machine that is busy with other things
                await view("filtered", name, f"lang=en&period={period}")


async def _together(
    place: str, names: Sequence[str], viewers: int, seconds: int, seen: Seen
) -> None:
    """Viewers go about, and a browser opens the pages in turn until time is up."""
    async with _chromium() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 1100})
        context.set_default_timeout(_PATIENCE_MS)
        warm_up = await context.new_page()  # fills the browser's cache with the scripts of the page
        await warm_up.goto(f"http://{place}/definitions?lang=en", wait_until="commit")
        await warm_up.locator(_FIRST_LINE).first.wait_for(state="visible")
        await warm_up.close()
        async with _in_background([_view(place, names, n, seen) for n in range(viewers)]):
            began = time.monotonic()
            for turn in itertools.count():
                for name in names:
                    if time.monotonic() > began + (seconds if turn else 2 * seconds):
                        return
                    await _open(await context.new_page(), place, name, seen)


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


async def _open(page: Page, place: str, name: str, seen: Seen) -> None:
    began = time.perf_counter()

    async def shown(kind: str, selector: str) -> None:
        await page.locator(selector).first.wait_for(state="visible")
        seen.note(kind, name, (time.perf_counter() - began) * 1_000)

    waits = []
    try:
        await page.goto(f"http://{place}/{_path(name)}?lang=en", wait_until="commit")
        waits += [
            asyncio.ensure_future(shown("words", _FIRST_LINE)),
            asyncio.ensure_future(shown("tile", _TILE)),
        ]
        await page.wait_for_selector(
            "[data-testid='stApp'][data-test-script-state='notRunning'] h1", timeout=_PATIENCE_MS
        )
        await asyncio.wait(waits, timeout=3)  # a page that has nothing to show has no tile
        await _interact(page, name, seen)
    except BrowserError:  # nothing came for so long; the others' figures are not lost for it
        seen.unopened += 1
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await page.close()


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
        seen.note("choice", name, await asyncio.wait_for(still, 60))
    except (TimeoutError, BrowserError):
        still.cancel()


async def _view(place: str, names: Sequence[str], number: int, seen: Seen) -> None:
    """One simulated viewer: a session that goes from page to page until it is cancelled."""
    chance = random.Random(number)
    await asyncio.sleep(THINK_SECONDS * chance.random())
    async with _session(place) as socket:
        while True:
            name = chance.choice(names)
            seen.note("viewer", name, await _ask(socket, name, "lang=en"))
            await asyncio.sleep(THINK_SECONDS * (0.5 + chance.random()))


@asynccontextmanager
async def _session(place: str) -> AsyncIterator[ClientConnection]:
    async with connect(
        f"ws://{place}/_stcore/stream", origin=f"http://{place}", subprotocols=["streamlit"],
        max_size=None, ping_interval=None, open_timeout=_START_SECONDS,
    ) as socket:  # fmt: skip
        yield socket


async def _ask(socket: ClientConnection, name: str, query: str) -> float:
    """Ask for a page, read until the server has sent all of it; the milliseconds it took."""
    began = time.perf_counter()
    asked = BackMsg()
    asked.rerun_script.page_name = _path(name)
    asked.rerun_script.query_string = query
    await socket.send(asked.SerializeToString())
    while True:
        told = ForwardMsg()
        told.ParseFromString(await socket.recv(decode=False))
        if told.WhichOneof("type") == "script_finished":
            return (time.perf_counter() - began) * 1_000


def _path(name: str) -> str:
    return "" if name == ENTRIES[0].name else name


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


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _cpu(processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Processor time so far: of processes, of this one (the viewers), and of the whole machine."""
    own, whole = os.times(), psutil.cpu_times()
    return {
        **{name: _spent(process) for name, process in processes.items()},
        "simulated_viewers": own.user + own.system,
        "machine": whole.user + whole.system + whole.nice,
    }
