"""The lake's writer lock: one writing step at a time, across threads, processes and machines.

An SQLite catalogue takes one writer at a time (docs/adr/0002). The lock is an operating-system
lock on a file (released by the kernel when its holder dies, however it dies) and, with a
PostgreSQL catalogue, an advisory lock beside it that also excludes writers on other machines.
Who holds it is written next to the lock for people to read; that note is never trusted.
"""

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from filelock import FileLock, Timeout

from connectors.errors import LakeBusyError
from connectors.settings import LAKE_NAME, Settings

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_NOTICE_SECONDS = 10.0
_ADVISORY_KEY = 4_044_044_044
_thread_locks: dict[Path, threading.RLock] = {}
_depth: dict[Path, int] = {}
_registry_lock = threading.Lock()


@dataclass(frozen=True)
class Holder:
    """Who holds the writer lock, as far as the note beside it says."""

    pid: int
    host: str
    purpose: str
    since: str

    def describe(self) -> str:
        """One phrase for a person."""
        return f"{self.purpose} (process {self.pid} on {self.host}, since {self.since})"


def lock_path(settings: Settings) -> Path:
    """The lock file of these settings' lake."""
    return settings.root / "lake.lock"


def _holder_path(path: Path) -> Path:
    return path.with_suffix(".holder.json")


def read_holder(settings: Settings) -> Holder | None:
    """Who wrote the note beside the lock last; None when there is no readable note."""
    try:
        return Holder(**json.loads(_holder_path(lock_path(settings)).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_locked(settings: Settings) -> bool:
    """Whether some process holds the writer lock right now."""
    path = lock_path(settings)
    if not path.exists():
        return False
    probe = FileLock(path)
    try:
        probe.acquire(blocking=False)
    except Timeout:
        return True
    probe.release()
    return False


@contextlib.contextmanager
def writer_lock(
    settings: Settings,
    *,
    purpose: str,
    timeout: float | None = None,
    on_wait: Callable[[Holder | None], None] | None = None,
) -> Iterator[None]:
    """Hold the lake's writer lock; reentrant within a thread.

    Args:
        settings: which lake.
        purpose: what the holder does, shown to whoever waits.
        timeout: seconds to wait; default `settings.lock_timeout_seconds`.
        on_wait: called with the present holder when waiting begins, then every ten seconds.

    Raises:
        LakeBusyError: the lock did not come free in time.
    """
    path = lock_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _registry_lock:
        thread_lock = _thread_locks.setdefault(path, threading.RLock())
    limit = settings.lock_timeout_seconds if timeout is None else timeout
    if not thread_lock.acquire(timeout=max(limit, 0)):
        raise _busy(settings, limit)
    try:
        if _depth.get(path, 0):
            _depth[path] += 1
            try:
                yield
            finally:
                _depth[path] -= 1
            return
        with hold_lock(settings, purpose=purpose, timeout=limit, on_wait=on_wait) as stack:
            _depth[path] = 1
            stack.callback(_depth.pop, path, None)
            yield
    finally:
        thread_lock.release()


def hold_lock(
    settings: Settings,
    *,
    purpose: str,
    timeout: float,
    on_wait: Callable[[Holder | None], None] | None = None,
) -> contextlib.ExitStack:
    """Take the lock for whoever keeps the returned stack; any thread may close it.

    `writer_lock` is the way for code of ours; this one is for a process that holds the lock from
    its first connection to its end.

    Raises:
        LakeBusyError: the lock did not come free in time.
    """
    path = lock_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    notify = on_wait or _log_wait
    with contextlib.ExitStack() as stack:
        stack.enter_context(_file_lock(settings, path, deadline, timeout, notify))
        if settings.catalog_url:
            stack.enter_context(_advisory_lock(settings, deadline, timeout, notify))
        _write_holder(path, purpose)
        return stack.pop_all()


@contextlib.contextmanager
def _file_lock(
    settings: Settings,
    path: Path,
    deadline: float,
    limit: float,
    on_wait: Callable[[Holder | None], None],
) -> Iterator[None]:
    lock = FileLock(path)

    def attempt() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    _wait_until(attempt, settings, deadline, limit, on_wait)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _advisory_lock(
    settings: Settings,
    deadline: float,
    limit: float,
    on_wait: Callable[[Holder | None], None],
) -> Iterator[None]:
    with psycopg.connect(settings.catalog_url, autocommit=True) as connection:

        def attempt() -> bool:
            row: Any = connection.execute(
                "select pg_try_advisory_lock(%s, hashtext(%s))",
                (_ADVISORY_KEY % 2**31, LAKE_NAME),
            ).fetchone()
            return bool(row[0])

        _wait_until(attempt, settings, deadline, limit, on_wait)
        yield  # closing the connection releases the lock


def _wait_until(
    attempt: Callable[[], bool],
    settings: Settings,
    deadline: float,
    limit: float,
    on_wait: Callable[[Holder | None], None],
) -> None:
    next_notice = time.monotonic()
    while not attempt():
        now = time.monotonic()
        if now >= deadline:
            raise _busy(settings, limit)
        if now >= next_notice:
            on_wait(read_holder(settings))
            next_notice = now + _NOTICE_SECONDS
        time.sleep(_POLL_SECONDS)


def _busy(settings: Settings, limit: float) -> LakeBusyError:
    holder = read_holder(settings)
    who = holder.describe() if holder else "another process"
    return LakeBusyError(
        f"The lake in {settings.root} is being written by {who} and did not come free within "
        f"{limit:g} s; wait for it to end, or raise FOURFLOW_LOCK_TIMEOUT_SECONDS."
    )


def _log_wait(holder: Holder | None) -> None:
    logger.warning(
        "waiting for the lake's writer lock, held by %s",
        holder.describe() if holder else "another process",
    )


def _write_holder(path: Path, purpose: str) -> None:
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        purpose=purpose,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    note = _holder_path(path)
    draft = note.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    draft.replace(note)
