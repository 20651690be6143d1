"""Dagster's SQLite storage with connections that stay open; see `KeptOpenStorage`."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any, Self

from dagster._core.events.log import EventLogEntry
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
        self._tables: set[str] = set()
        self._has_index_columns = False
        self._batch: dict[str, Connection] | None = None
        self._batch_ends = ExitStack()
        super().__init__(base_dir)
        self._db_lock: Any = threading.RLock()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:  # whoever has it and finds a batch is the one that stores it
            if self._batch is None:
                with self._engine_of(shard).begin() as connection:
                    yield connection
                return
            if shard not in self._batch:
                begun = self._engine_of(shard).begin()
                self._batch[shard] = self._batch_ends.enter_context(begun)
            yield self._batch[shard]

    def _engine_of(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = _open_engine(self.conn_string_for_shard(shard))
            self._initdb(engine)
            self._engines[shard] = engine
        return engine

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all in one transaction of each file; Dagster's own makes two for each event."""
        with self._db_lock, ExitStack() as self._batch_ends:
            self._batch = {}
            try:
                super().store_event_batch(events)
            finally:
                self._batch = None

    # Asked for every event, each time by reading the schema anew; what is there once stays.

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        self._has_index_columns = (
            self._has_index_columns or super()._has_asset_key_index_cols_on_connection(conn)
        )
        return self._has_index_columns

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
