"""Reads published snapshots: what dashboards, the command line and rules see, and nothing else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import duckdb
import pandas as pd
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.database.publications import Publication, find_publication
from connectors.errors import NothingPublishedError
from connectors.lake.attach import connect_snapshot, search_path
from connectors.lake.tables import TABLES
from connectors.settings import Settings

Parameters = Sequence[Any] | Mapping[str, Any] | None


class PublishedLake:
    """One publication, opened read only; safe to share between threads (a cursor a query)."""

    def __init__(self, publication: Publication, connection: duckdb.DuckDBPyConnection) -> None:
        self.publication = publication
        self._connection = connection
        self._search_path = search_path(connection)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own for one query or one thread."""
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        if self._search_path:
            cursor.execute(f"SET search_path = '{self._search_path}'")  # cursors do not inherit it
        return cursor

    def query(self, sql: str, params: Parameters = None) -> pd.DataFrame:
        """Run one read-only query; tables need no schema prefix."""
        with self.cursor() as cursor:
            return cursor.execute(sql, params).df()

    def rows(self, sql: str, params: Parameters = None) -> list[dict[str, Any]]:
        """Run one query and return plain Python values (Decimal, datetime), a dict a row."""
        names, found = self.fetch(sql, params)
        return [dict(zip(names, row, strict=True)) for row in found]

    def fetch(self, sql: str, params: Parameters = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one query; the names of its columns, which an empty answer has too, and its rows."""
        with self.cursor() as cursor:
            result = cursor.execute(sql, params)
            return [column[0] for column in result.description or []], result.fetchall()

    def tables(self) -> list[str]:
        """Names of all tables of this publication, without schema."""
        return [
            str(row["table_name"])
            for row in self.rows(
                f"select distinct table_name from ({TABLES}) order by 1"  # noqa: S608
            )
        ]

    def columns(self) -> dict[str, frozenset[str]]:
        """Columns by the names of those tables."""
        known = set(self.tables())
        found: dict[str, set[str]] = {}
        for row in self.rows("select table_name, column_name from duckdb_columns()"):
            if row["table_name"] in known:
                found.setdefault(str(row["table_name"]), set()).add(str(row["column_name"]))
        return {table: frozenset(names) for table, names in found.items()}

    def close(self) -> None:
        """Close the connection; running cursors of it end with an error."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_published(
    settings: Settings,
    as_of: datetime | str | None = None,
    *,
    engine: Engine | None = None,
) -> PublishedLake:
    """Open the newest publication, or the one in force `as_of` a time or with that id.

    Raises:
        NothingPublishedError: nothing is published (yet, or at that time).
        ContractError: that publication has expired.
    """
    publication = find_published(settings, as_of, engine=engine or open_database(settings))
    return PublishedLake(publication, connect_snapshot(settings, publication.snapshot_id))


def find_published(
    settings: Settings, as_of: datetime | str | None, *, engine: Engine
) -> Publication:
    """The newest publication, or the one in force `as_of` a time or with that id.

    Raises:
        NothingPublishedError: nothing is published (yet, or at that time).
    """
    publication = find_publication(engine, as_of)
    if publication is None:
        when = f" as of {as_of}" if as_of else ""
        raise NothingPublishedError(
            f"Nothing is published in {settings.root}{when}; "
            "run `fourflow demo` or `fourflow run`, or see `fourflow status`."
        )
    return publication
