"""50 clients read the HTTP interface of a published home while another process writes.

The server is a process of its own, as `fourflow up` starts it, the writer another one that keeps
inserting into the lake. Latencies are as clients on the same machine see them. Where `wrk` is
installed it is the client: one in Python costs more than the server and is measured with it.

Loads: each question asked for the first time (`fresh`), questions that were asked before
(`repeated`), and those whose answer the client has (`etag`, 304); at once after each answer, which
tells how much the server can do, and after a think time (`paced`), which tells how long people and
programs wait. FOURFLOW_BENCH_HOME names a home to copy; without it a small one is made.
FOURFLOW_BENCH_TIMES copies each of its orders so many times (`enlarged`).
"""

import asyncio
import itertools
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from connectors.database.engine import open_database
from connectors.lake.attach import connect_writer
from connectors.lake.reader import open_published
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.api.access import API_SCOPES, Access
from orchestration.api.keys import KeyRequest, create_key
from orchestration.api.service import PLACE
from tests.benchmarks.enlarged import enlarge
from tests.unit.app_streamlit.published_fixture import publish, write_lake

SECONDS = 15
CLIENTS = 50
THINK_SECONDS = 1.0
REPEATED = (
    "/stock?limit=100",
    "/orders?limit=100",
    "/orders?channel=douyin_live&limit=20",
    "/metrics/net_sales?by=channel&by=month",
    "/audiences/champions?limit=100",
)
_FRESH = 6_000
_START_SECONDS = 120
_SCRIPT = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class Load:
    """How clients ask.

    Attributes:
        name: of its figures.
        lines: address, key and ETag (or nothing) of each question, in turn.
        think_seconds: how long a client waits after an answer.
    """

    name: str
    lines: Sequence[tuple[str, str, str]]
    think_seconds: float = 0.0


def run(
    seconds: int = SECONDS, clients: int = CLIENTS, think_seconds: float = THINK_SECONDS
) -> dict[str, Any]:
    """The figures of all loads."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(home_for_bench(Path(scratch) / "home")) as running,
    ):
        return {**machine(), **running.size, **_figures(running, seconds, clients, think_seconds)}


def _figures(running: "Running", seconds: int, clients: int, think: float) -> dict[str, Any]:
    key = _key(running.settings)
    first, day = _days(running.settings)
    headers = {"authorization": f"Bearer {key}"}
    found = {}
    for one in REPEATED:
        answer = httpx.get(running.base + one, headers=headers, timeout=60)
        answer.raise_for_status()
        found[one] = answer.headers["etag"]
    repeated = [(f"{PLACE}{one}", key, "") for one in REPEATED]
    known = [(f"{PLACE}{one}", key, found[one]) for one in REPEATED]
    fresh = [(f"{PLACE}{one}", key, "") for one in _fresh(first, day)]
    figures: dict[str, Any] = {
        "clients": clients,
        "think_seconds": think,
        "client": "wrk" if shutil.which("wrk") else "httpx",
    }
    half = len(fresh) // 2
    for load in (
        Load("fresh", fresh[:half]),
        Load("fresh_paced", fresh[half:], think),
        Load("repeated", repeated),
        Load("repeated_paced", repeated, think),
        Load("etag", known),
    ):
        before = running.cpu_seconds()
        told = _ask(running, load, seconds, clients)
        figures |= {f"{load.name}_{name}": value for name, value in told.items()}
        for name, spent in running.cpu_seconds().items():
            figures[f"{load.name}_{name}_cpu_share"] = round(
                (spent - before[name]) / told["seconds"], 2
            )
    return figures


def _fresh(first: date, last: date) -> list[str]:
    """Questions of the kinds of REPEATED, each another one."""
    chance = random.Random(50)
    days = max(1, (last - first).days)
    made: dict[str, None] = {}
    while len(made) < _FRESH:
        day = first + timedelta(days=chance.randrange(days))
        until = day + timedelta(days=chance.randrange(1, days + 1))
        limit = chance.randrange(20, 500)
        made[chance.choice((
            f"/stock?limit={limit}&business={chance.choice(('fourflow_demo', 'other'))}",
            f"/orders?limit={chance.randrange(20, 200)}&created_from={day}&created_to={until}",
            f"/orders?channel=douyin_live&limit=20&created_from={day}&created_to={until}",
            f"/metrics/net_sales?by=channel&by=month&where=day+%3E%3D+'{day}'"
            f"&where=day+%3C+'{until}'",
            f"/audiences/champions?limit={limit}",
        ))] = None  # fmt: skip
        if len(made) > _FRESH // 2 and days < 30:
            break
    return list(made)


def _ask(running: "Running", load: Load, seconds: int, clients: int) -> dict[str, Any]:
    if shutil.which("wrk"):
        return _ask_with_wrk(running, load, seconds, clients)
    return asyncio.run(_ask_with_httpx(running, load, seconds, clients))


def _ask_with_wrk(running: "Running", load: Load, seconds: int, clients: int) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        file.write("".join("\t".join(line) + "\n" for line in load.lines))
        file.flush()
        before = os.times()
        done = subprocess.run(
            ["wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s",
             "--timeout", "60s", "--script", str(_SCRIPT), running.origin, "--",
             file.name, str(int(load.think_seconds * 1_000)), "50"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        after = os.times()
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    told["client_cpu_share"] = round(spent / told["seconds"], 2)
    told["answers_a_second"] = round(told["answers"] / told["seconds"], 1)
    return told


async def _ask_with_httpx(
    running: "Running", load: Load, seconds: int, clients: int
) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    lines = itertools.cycle(load.lines)
    took: list[float] = []
    failed = 0
    own = time.process_time()
    began = time.perf_counter()
    chance = random.Random(50)

    async def client(http: httpx.AsyncClient) -> None:
        nonlocal failed
        while time.perf_counter() < began + seconds:
            if load.think_seconds:
                await asyncio.sleep(load.think_seconds * (0.5 + chance.random()))
            path, key, tag = next(lines)
            headers = {"authorization": f"Bearer {key}", **({"if-none-match": tag} if tag else {})}
            asked = time.perf_counter()
            answer = await http.get(running.origin + path, headers=headers)
            took.append((time.perf_counter() - asked) * 1_000)
            failed += answer.status_code >= httpx.codes.BAD_REQUEST

    async with httpx.AsyncClient(limits=limits, timeout=60) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    passed = time.perf_counter() - began
    cuts = statistics.quantiles(took, n=100)
    return {
        "answers": len(took), "seconds": round(passed, 3),
        "p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1), "p99_ms": round(cuts[98], 1),
        "failed": failed, "client_cpu_share": round((time.process_time() - own) / passed, 2),
        "answers_a_second": round(len(took) / passed, 1),
    }  # fmt: skip


@dataclass(frozen=True)
class Running:
    """A server of a home and a writer into its lake."""

    settings: Settings
    origin: str
    size: Mapping[str, Any]
    processes: Mapping[str, psutil.Process]

    @property
    def base(self) -> str:
        """Address of the interface."""
        return self.origin + PLACE

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time so far, of each process and of everybody else on the machine."""
        own = {}
        for name, process in self.processes.items():
            times = process.cpu_times()
            own[name] = times.user + times.system
        whole = psutil.cpu_times()
        return {**own, "machine": whole.user + whole.system + whole.nice}


@contextmanager
def served(settings: Settings) -> Iterator[Running]:
    """The door of a home, and a process that writes into its lake all the while."""
    port = free_port()
    with (
        started(settings, "server", "orchestration.door", "--port", str(port)) as server,
        started(settings, "writer", "tests.benchmarks.api", "write") as writer,
    ):
        running = Running(
            settings,
            f"http://127.0.0.1:{port}",
            size_of(settings),
            {"server": psutil.Process(server.pid), "writer": psutil.Process(writer.pid)},
        )
        _wait_for(running.base)
        yield running


@contextmanager
def started(
    settings: Settings, name: str, module: str, *arguments: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a home; its last words are told when it ends by itself."""
    environment = {**os.environ, "FOURFLOW_HOME": str(settings.root), "FOURFLOW_CONFIG": "none"}
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=PROJECT_ROOT, env=environment,
            stdout=words, stderr=words,
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is not None:
                words.seek(0)
                print(f"{name} ended: {words.read().decode()[-2_000:]}", file=sys.stderr)  # noqa: T201
            process.terminate()


def home_for_bench(home: Path) -> Settings:
    """A copy of FOURFLOW_BENCH_HOME, or a small published home that is made."""
    given = os.environ.get("FOURFLOW_BENCH_HOME")
    if given:
        shutil.copytree(given, home)
        settings = load_settings(home=home, config="none")
        times = int(os.environ.get("FOURFLOW_BENCH_TIMES", "1"))
        if times > 1:
            enlarge(settings, times)
        return settings
    settings = load_settings(home=home, config="none")
    write_lake(settings)
    publish(settings)
    return settings


def size_of(settings: Settings) -> dict[str, int]:
    """How many orders and stock positions the home has."""
    with open_published(settings) as lake:
        (row,) = lake.rows(
            "select (select count(*) from fct_orders) as orders, "
            "(select count(*) from rpt_stock_matrix) as stock_positions"
        )
    return {name: int(value) for name, value in row.items()}


def machine() -> dict[str, Any]:
    """What else the machine does: figures of a busy one are not those of a quiet one."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _days(settings: Settings) -> tuple[date, date]:
    with open_published(settings) as lake:
        (row,) = lake.rows(
            "select min(created_on) as first, max(created_on) as last from fct_orders"
        )
    return row["first"], row["last"]


def _key(settings: Settings) -> str:
    access = Access("", API_SCOPES, person="bench", requests_per_minute=10_000_000)
    request = KeyRequest("bench", access, "bench")
    return create_key(open_database(settings), request, now=datetime.now(UTC)).key


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(base: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{base}/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"No server answered at {base} within {_START_SECONDS} s.")


def _write() -> None:
    """Insert into the lake until the process is ended."""
    settings = load_settings()
    while True:
        with connect_writer(settings, purpose="benchmark") as connection:
            connection.execute(
                "create or replace table lake.marts.written_meanwhile as "
                "select range as number, random() as value from range(200000)"
            )


if __name__ == "__main__" and sys.argv[1:] == ["write"]:
    _write()
