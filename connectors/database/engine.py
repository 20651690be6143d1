"""Opens the operational database: SQLite in home or PostgreSQL by URL, always at its newest schema.

Every write goes through `write_transaction`: on SQLite it takes the write lock at its beginning,
because a transaction that starts by reading cannot wait for another writer later.
"""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from connectors.errors import ContractError, InputError, TransientError
from connectors.settings import Settings

BUSY_TIMEOUT_SECONDS = 30
_MIGRATION_LOCK = 4_044_044_045
_WRITE_OPTION = "fourflow_write"
_engines: dict[tuple[int, str], Engine] = {}
_engines_lock = threading.Lock()
_migration_lock = threading.Lock()


def database_url(settings: Settings) -> URL:
    """The SQLAlchemy URL that these settings mean.

    Raises:
        InputError: the URL cannot be read or names another kind of database.
    """
    if not settings.database_url:
        return URL.create("sqlite", database=str(settings.database_path))
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise InputError(
            "FOURFLOW_DATABASE_URL is not a database URL; "
            "write it as postgresql://user:password@host:5432/name."
        ) from None
    backend = url.drivername.split("+", maxsplit=1)[0]
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise InputError(
        f"FOURFLOW_DATABASE_URL names {url.drivername}, which Fourflow cannot use; "
        "give a postgresql:// URL or the URL of an SQLite file."
    )


def open_database(settings: Settings) -> Engine:
    """The engine of these settings' operational database, upgraded to the newest schema.

    One engine per process and database; safe to call from many threads and processes at once.

    Raises:
        InputError: the URL is of no use.
        TransientError: the database server does not answer.
        ContractError: a newer Fourflow has already upgraded this database.
    """
    url = database_url(settings)
    key = (os.getpid(), settings.fingerprint())
    with _engines_lock:
        engine = _engines.get(key)
        if engine is not None and _file_is_gone(url):
            engine.dispose()
            engine = None
        if engine is None:
            engine = create_database_engine(url)
            upgrade_schema(engine)
            _engines[key] = engine
        return engine


def create_database_engine(url: URL) -> Engine:
    """A new engine with Fourflow's connection settings; makes the folder of an SQLite file."""
    dumps = partial(json.dumps, ensure_ascii=False)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, json_serializer=dumps, pool_pre_ping=True)
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, json_serializer=dumps, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, see below; the driver must not
        connection.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma synchronous = full")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE_OPTION)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.contextmanager
def write_transaction(engine: Engine, *, lock: int | None = None) -> Iterator[Connection]:
    """A transaction that may write: commits at the end, rolls back on an error.

    Args:
        engine: which database.
        lock: number of an advisory lock to hold meanwhile, for steps that must see each other's
            rows (PostgreSQL; SQLite has one writer at a time anyway).
    """
    writer = engine.connect().execution_options(**{_WRITE_OPTION: True})
    with writer as connection, connection.begin():
        if lock is not None and engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(lock)))
        yield connection


def upgrade_schema(engine: Engine) -> None:
    """Bring the schema to the newest revision; does nothing when it is there already.

    Raises:
        TransientError: the database does not answer.
        ContractError: the database is at a revision that this version does not know.
    """
    scripts = ScriptDirectory.from_config(_alembic_config())
    try:
        if _revision(engine, scripts) == scripts.get_current_head():
            return
        with _upgrading(engine) as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise TransientError(
            f"The operational database at {_place(engine)} does not answer ({_cause(error)}); "
            "check that it runs and that FOURFLOW_DATABASE_URL is right."
        ) from error


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", "connectors.database:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _revision(engine: Engine, scripts: ScriptDirectory) -> str | None:
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise ContractError(
            f"The operational database at {_place(engine)} was upgraded by a newer Fourflow "
            f"(revision {revision}); install that version or use another FOURFLOW_HOME."
        )
    return revision


@contextlib.contextmanager
def _upgrading(engine: Engine) -> Iterator[Connection]:
    """A connection for the upgrade while no other thread, process or machine upgrades."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_migration_lock)
        if engine.dialect.name == "sqlite":
            path = str(engine.url.database)
            stack.enter_context(FileLock(f"{path}.lock", timeout=2 * BUSY_TIMEOUT_SECONDS))
            _use_write_ahead_log(engine)
        yield stack.enter_context(write_transaction(engine, lock=_MIGRATION_LOCK))


def _use_write_ahead_log(engine: Engine) -> None:
    """Readers and the writer do not block each other; the file remembers it for good."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("pragma journal_mode = wal")
        cursor.close()
    finally:
        connection.close()


def _file_is_gone(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


def _place(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _cause(error: OperationalError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
