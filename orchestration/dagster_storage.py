"""Dagster's SQLite storage with connections that stay open; see `KeptOpenStorage`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
)
from sqlalchemy import Connection, Engine, create_engine, event

_BUSY_SECONDS = 60


def _open_engine(address: str) -> Engine:
    """An engine that keeps its connections, in whose WAL a commit waits for no disk."""
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _relax(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


class _KeptOpenRuns(SqliteRunStorage):
    @cached_property
    def _engine(self) -> Engine:
        return _open_engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()


class _KeptOpenEvents(SqliteEventLogStorage):
    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = _open_engine(self.conn_string_for_shard(shard))
                self._initdb(engine)
                self._engines[shard] = engine
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()


class KeptOpenStorage(DagsterSqliteStorage):
    """As `DagsterSqliteStorage`, the same files, several times as fast at storing events.

    Dagster's own makes an engine and a connection for every read and write: statements are
    compiled anew, and closing the only connection writes SQLite's whole log back each time. A run
    of Fourflow stores some six hundred events. What a power cut could take is the last of them.
    """

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = _KeptOpenRuns.from_local(_runs_directory(base_dir))
        self._event_log_storage = _KeptOpenEvents(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """Made from the `storage` part of `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)
