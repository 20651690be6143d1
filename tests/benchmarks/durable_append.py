"""Segments against SQLite as the inbox's store: same load, same group commit, same fsync promise.

Each store takes pushes of 2 kB, first as fast as it can from 100 senders, then 200 a second while
another process takes away what has come, as the mover does; then the same with 100,000 pushes
waiting, as after a long run that held the lake. SQLite's mover deletes 2,000 rows a transaction, so
that it never holds the lock for long. The figures are those of docs/adr/0007-inbox-store.md.
"""

import asyncio
import queue
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from connectors.inbox.journal import Journal
from connectors.inbox.segments import Message, frame
from connectors.settings import PROJECT_ROOT

BURST = 20_000
SENDERS = 100
PACED_SECONDS = 20
BACKLOG = 100_000
PUSHES_A_SECOND = 200

_SEGMENT_MOVER = """
    import pathlib, sys, time
    from connectors.inbox.segments import read_segment, remove_segments, sealed_segments
    folder, taken = pathlib.Path(sys.argv[1]), 0
    while not (folder / "stop").exists():
        time.sleep(2)
        paths = sealed_segments(folder)
        taken += sum(len(read_segment(path).messages) for path in paths)
        remove_segments(paths)
    print(taken)
"""
_SQLITE_MOVER = """
    import pathlib, sqlite3, sys, time
    folder, taken = pathlib.Path(sys.argv[1]), 0
    lake = sqlite3.connect(folder / "inbox.sqlite", timeout=30, isolation_level=None)
    lake.execute("pragma synchronous = full")
    while not (folder / "stop").exists():
        time.sleep(2)
        rows = lake.execute("select id, message from pushes order by id").fetchall()
        taken += len(rows)
        for row in rows[1999::2000] + rows[-1:]:
            lake.execute("delete from pushes where id <= ?", [row[0]])
    print(taken)
"""


class _Store(Protocol):
    def start(self) -> None: ...
    def close(self) -> None: ...
    async def append(self, messages: list[Message]) -> None: ...


class _SqliteStore:
    """The same promises with SQLite: WAL, synchronous=FULL, one transaction for all that came."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "inbox.sqlite"
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    async def append(self, messages: list[Message]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(([frame(message) for message in messages], loop, done))
        await done

    def _run(self) -> None:
        database = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        database.execute(
            "create table if not exists pushes (id integer primary key autoincrement, message blob)"
        )
        self._ready.set()
        while (first := self._queue.get()) is not None:
            batch = [first]
            is_open = True
            while is_open and not self._queue.empty():
                following = self._queue.get_nowait()
                is_open = following is not None
                if following is not None:
                    batch.append(following)
            rows = [(message,) for messages, _, _ in batch for message in messages]
            database.execute("begin immediate")
            database.executemany("insert into pushes (message) values (?)", rows)
            database.execute("commit")
            batch[0][1].call_soon_threadsafe(_settle, [done for _, _, done in batch])
            if not is_open:
                return


def _settle(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        future.set_result(None)


def run() -> dict[str, Any]:
    """Figures of both stores."""
    figures: dict[str, Any] = {}
    for name, store_of, mover in (
        ("segments", Journal, _SEGMENT_MOVER),
        ("sqlite", _SqliteStore, _SQLITE_MOVER),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            folders = {part: Path(scratch) / part for part in ("burst", "paced", "backlog")}
            for folder in folders.values():
                folder.mkdir()
            rate = _burst(store_of(folders["burst"]), BURST)
            figures[f"{name}_burst_a_second"] = round(rate)
            _burst(store_of(folders["backlog"]), BACKLOG)
            for part in ("paced", "backlog"):
                for key, value in _paced(store_of, folders[part], mover):
                    figures[f"{name}_{part}_{key}"] = value
    return figures


def _message(number: int) -> Message:
    payload = '{"note": "' + "x" * 2_000 + '"}'
    return Message("s", "a", "t", f"k{number}", "2026-11-21T10:00:00+00:00", payload)


def _burst(store: _Store, count: int) -> float:
    store.start()

    async def sender(first: int) -> None:
        for number in range(first, count, SENDERS):
            await store.append([_message(number)])

    async def everyone() -> None:
        await asyncio.gather(*(sender(first) for first in range(SENDERS)))

    started = time.perf_counter()
    asyncio.run(everyone())
    seconds = time.perf_counter() - started
    store.close()
    return count / seconds


def _paced(store_of: Any, folder: Path, mover: str) -> list[tuple[str, Any]]:
    store = store_of(folder)
    store.start()
    taker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(mover), str(folder)],
        stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT,
    )  # fmt: skip
    latencies: list[float] = []

    async def one(number: int) -> None:
        started = time.perf_counter()
        await store.append([_message(number)])
        latencies.append((time.perf_counter() - started) * 1_000)

    async def everyone() -> None:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(PACED_SECONDS * PUSHES_A_SECOND):
                due = started + number / PUSHES_A_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(one(number))

    asyncio.run(everyone())
    (folder / "stop").touch()
    taken = int(taker.communicate()[0])
    left = sum(path.stat().st_size for path in folder.iterdir())
    store.close()
    cuts = statistics.quantiles(latencies, n=1_000)
    return [
        ("p50_ms", round(cuts[499], 2)),
        ("p99_ms", round(cuts[989], 2)),
        ("max_ms", round(max(latencies), 1)),
        ("taken", taken),
        ("bytes_left_on_disk", left),
    ]


if __name__ == "__main__":
    for key, value in run().items():
        sys.stdout.write(f"{key}: {value}\n")
