"""50 clients read the HTTP interface of a small published home while another process writes.

The server is a process of its own, as `fourflow up` starts it, the writer another one that keeps
inserting into the lake. Each client asks again as soon as it has its answer; latencies are as the
clients see them, with every client on the same machine.
"""

import asyncio
import itertools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from connectors.database.engine import open_database
from connectors.lake.attach import connect_writer
from connectors.settings import PROJECT_ROOT, load_settings
from orchestration.api.access import API_SCOPES, Access
from orchestration.api.keys import KeyRequest, create_key
from orchestration.api.service import PLACE
from tests.unit.app_streamlit.published_fixture import publish, write_lake

SECONDS = 30
CLIENTS = 50
ASKED = (
    "/stock?limit=100",
    "/orders?limit=100",
    "/orders?channel=douyin_live&limit=20",
    "/metrics/net_sales?by=channel&by=month",
    "/audiences/champions?limit=100",
)
_START_SECONDS = 60


def run(seconds: int = SECONDS, clients: int = CLIENTS) -> dict[str, Any]:
    """The figures of one load: computed answers, then the same with ETags (304)."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(home=Path(scratch) / "home", config="none")
        write_lake(settings)
        publish(settings)
        key = _key(settings)
        port = _free_port()
        server = _start(settings.root, "orchestration.door", "--port", str(port))
        writer = _start(settings.root, "tests.benchmarks.api", "write")
        try:
            base = f"http://127.0.0.1:{port}{PLACE}"
            _wait_for(base)
            computed = asyncio.run(_load(base, key, seconds, clients, use_tags=False))
            known = asyncio.run(_load(base, key, seconds, clients, use_tags=True))
        finally:
            for process in (writer, server):
                process.terminate()
                process.wait()
    return {
        "cores": os.cpu_count(),
        "clients": clients,
        **_figures("computed", computed, seconds),
        **_figures("with_etag", known, seconds),
    }


def _figures(name: str, answers: list[tuple[int, float]], seconds: int) -> dict[str, Any]:
    cuts = statistics.quantiles([took * 1_000 for _, took in answers], n=100)
    return {
        f"{name}_answers_a_second": round(len(answers) / seconds, 1),
        f"{name}_p50_ms": round(cuts[49], 1),
        f"{name}_p95_ms": round(cuts[94], 1),
        f"{name}_by_status": dict(Counter(status for status, _ in answers)),
    }


async def _load(
    base: str, key: str, seconds: int, clients: int, *, use_tags: bool
) -> list[tuple[int, float]]:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as http:
        tags = {path: (await http.get(base + path)).headers["etag"] for path in ASKED}
        deadline = time.perf_counter() + seconds
        tasks = [
            _client(http, base, number, deadline, tags if use_tags else {})
            for number in range(clients)
        ]
        return list(itertools.chain.from_iterable(await asyncio.gather(*tasks)))


async def _client(
    http: httpx.AsyncClient, base: str, number: int, deadline: float, tags: dict[str, str]
) -> list[tuple[int, float]]:
    found = []
    for turn in itertools.count(number):
        path = ASKED[turn % len(ASKED)]
        headers = {"if-none-match": tags[path]} if tags else {}
        began = time.perf_counter()
        if began > deadline:
            break
        answer = await http.get(base + path, headers=headers)
        found.append((answer.status_code, time.perf_counter() - began))
    return found


def _key(settings: Any) -> str:
    access = Access("", API_SCOPES, person="bench", requests_per_minute=10_000_000)
    request = KeyRequest("bench", access, "bench")
    return create_key(open_database(settings), request, now=datetime.now(UTC)).key


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _start(home: Path, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "FOURFLOW_HOME": str(home), "FOURFLOW_CONFIG": "none"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=PROJECT_ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


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
