"""The access log: who was refused what, read through the API, downloaded or wrote."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from connectors.database.engine import write_transaction
from connectors.database.schema import access_log

Event = Literal["refused", "read", "downloaded", "wrote", "signed_in", "sent"]
Door = Literal["dashboards", "api", "reports"]
_LONGEST = 500
_GATHERED_SECONDS = 1.0
_MOST_GATHERED = 5_000
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccessEntry:
    """One thing that happened at a door.

    Attributes:
        person: who; of a key, its id.
        role: their role; None: a key without one.
        door: where.
        event: what.
        subject: the page, path or action.
        detail: the reason of a refusal, the name of a file.
        publication_id: what was shown.
        row_count: rows of a download.
    """

    person: str
    role: str | None
    door: Door
    event: Event
    subject: str
    detail: str | None = None
    publication_id: str | None = None
    row_count: int | None = None


def record_access(engine: Engine, entry: AccessEntry, *, now: datetime) -> None:
    """Add an entry; long texts are cut, for a caller may choose them."""
    with write_transaction(engine) as connection:
        connection.execute(insert(access_log).values(_values(entry, now)))


class GatheredLog:
    """Entries of one server, written a moment later and together; safe to share between threads.

    A caller that asks the same again and again leaves one entry a moment, with the number of times
    and all their rows: what every question costs must not be a write to the disk.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        """Gather for a database.

        Args:
            engine: the operational database.
            now: the present time, for entries.
        """
        self._engine = engine
        self._now = now
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._gathered: dict[AccessEntry, tuple[datetime, int, int | None]] = {}
        self._is_closed = threading.Event()
        self._writer: threading.Thread | None = None

    def note(self, entry: AccessEntry) -> None:
        """Add an entry; it is on disk within about a second, or after `close`."""
        kind = replace(entry, row_count=None)
        with self._lock:
            first, times, rows = self._gathered.get(kind, (self._now(), 0, None))
            if entry.row_count is not None:
                rows = (rows or 0) + entry.row_count
            self._gathered[kind] = (first, times + 1, rows)
            is_full = len(self._gathered) >= _MOST_GATHERED
            if self._writer is None and not self._is_closed.is_set():
                self._writer = threading.Thread(target=self._write, name="access log", daemon=True)
                self._writer.start()
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; what can't be written now is written later."""
        with self._writing:
            with self._lock:
                taken, self._gathered = self._gathered, {}
            if not taken:
                return
            rows = [
                _values(_summed(entry, times, rows), first)
                for entry, (first, times, rows) in taken.items()
            ]
            try:
                with write_transaction(self._engine) as connection:
                    connection.execute(insert(access_log), rows)
            except SQLAlchemyError:
                _LOGGER.exception("%d entries of the access log wait to be written", len(taken))
                with self._lock:
                    self._gathered = {**taken, **self._gathered}

    def close(self) -> None:
        """Write the rest and gather no more in the background."""
        self._is_closed.set()
        self.flush()

    def _write(self) -> None:
        while not self._is_closed.wait(_GATHERED_SECONDS):
            self.flush()


def list_access(engine: Engine, limit: int = 100) -> Sequence[dict[str, Any]]:
    """Entries, the newest first."""
    query = select(access_log).order_by(access_log.c.entry_id.desc()).limit(limit)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _values(entry: AccessEntry, happened_at: datetime) -> dict[str, Any]:
    cut = {
        name: value[:_LONGEST] if isinstance(value, str) else value
        for name, value in vars(entry).items()
    }
    return {**cut, "happened_at": happened_at}


def _summed(entry: AccessEntry, times: int, rows: int | None) -> AccessEntry:
    told = f"{times} times" if times > 1 else ""
    detail = f"{entry.detail} ({told})" if entry.detail and told else entry.detail or told or None
    return replace(entry, detail=detail, row_count=rows)
