"""Fixtures of the operational database: every test of it runs on SQLite and on real PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.settings import Settings


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
