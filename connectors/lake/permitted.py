"""The lake as one viewer may see it: a lake of the same name that holds nothing else.

Around the published snapshot stands an empty catalogue called `lake` whose tables are views of the
permitted rows and columns. Whatever is asked (joins, aliases, CTEs, the SQL of metrics, names with
or without their schema) finds those views, so no question has to be rewritten and none can be
written so that it finds more. A table that can't be restricted does not exist in it (ADR 0017).
"""

import secrets
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn

import duckdb
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.database.publications import Publication
from connectors.errors import ForbiddenError
from connectors.lake.attach import SCHEMAS, connect_snapshot
from connectors.lake.reader import Parameters, PublishedLake, find_published
from connectors.lake.selects import Statement, TableName, outputs_of, read_select
from connectors.lake.sight import RowDimension, Sight
from connectors.settings import LAKE_NAME, Settings

# Everything else is the making of these, with raw records and personal data in it.
SEEN_SCHEMAS = ("reports", "marts", "ml", "reference")
# Columns that say where a row belongs, the first one that a table has.
COLUMNS_OF: Mapping[RowDimension, tuple[str, ...]] = {
    "business": ("business",),
    "channel": ("channel",),
    "region": ("region", "province"),
    "site": ("site",),
}
# What belongs to whom is also known of the order or the customer that a row names.
KEYS = (("order_key", "fct_orders"), ("customer_key", "dim_customers"))
# Names, labels and calendars, like the seeds: of no one's orders. Where they say a channel or a
# site, rows of others are left out all the same.
DIRECTORIES = {
    "dim_channels", "dim_dates", "dim_products", "dim_reconciliation_policies", "dim_sites",
    "dim_sources", "fct_calendar_days",
}  # fmt: skip
_DIRECTORY_SCHEMA = "reference"
_FOR_ALL = "*"
# Raw records, and seeds that name single orders or people.
_NEVER_SEEN = {
    "quarantined_records", "build_log", "touched_keys", "model_states", "node_states",
    "identity_decisions", "invoice_disputes", "bank_memo_words",
}  # fmt: skip


class PermittedLake(PublishedLake):
    """One publication as a viewer of limited sight may see it; safe to share between threads."""

    def __init__(
        self,
        publication: Publication,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        sight: Sight,
    ) -> None:
        """Put the empty lake around the whole one.

        Args:
            publication: which publication.
            connection: has it attached under another name than `lake`.
            source: that name.
            sight: what may be seen of it.
        """
        self._source = source
        self._sight = sight
        self._columns = _columns_of(connection, source)
        self._lock = threading.Lock()
        self._made: set[TableName] = set()
        connection.execute(f"attach ':memory:' as {LAKE_NAME}")
        for schema in SEEN_SCHEMAS:
            connection.execute(f"create schema {LAKE_NAME}.{schema}")
        super().__init__(publication, connection)

    def cursor(self) -> NoReturn:
        """Not given out: a cursor could ask anything. `rows` and `fetch` are there for questions.

        Raises:
            ForbiddenError: always.
        """
        raise ForbiddenError("This can't be restricted to what your role may see.")

    def fetch(self, sql: str, params: Parameters = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one select on what is permitted; what hidden columns are part of is None.

        Raises:
            ForbiddenError: it reads what can't be restricted to the viewer, or is no plain select.
        """
        statement = read_select(sql)
        self._make_views(statement)
        blank = self.blank_of(statement)
        with super().cursor() as cursor:
            result = cursor.execute(sql, params)
            names = [column[0] for column in result.description or []]
            found = result.fetchall()
        hidden = [blank is None or name.lower() in blank for name in names]
        if any(hidden):
            found = [
                tuple(None if gone else value for gone, value in zip(hidden, row, strict=True))
                for row in found
            ]
        return names, found

    def blank_of(self, statement: Statement) -> frozenset[str] | None:
        """Columns of a result that are made of hidden ones; None: all.

        Raises:
            ForbiddenError: hidden columns decide which rows count.
        """
        if not self._sight.hidden:
            return frozenset()
        tables = [table.name for table in statement.tables]
        return outputs_of(
            statement,
            lambda name: (
                self._sight.hides(name) or any(self._sight.hides(name, one) for one in tables)
            ),
        )

    def tables(self) -> list[str]:
        """Names of the tables that the viewer may read."""
        return sorted({one.name for one in self._columns if not self._refusal(one)})

    def columns(self) -> dict[str, frozenset[str]]:
        """Columns by the names of those tables, hidden ones left out."""
        return {
            one.name: frozenset(c for c in columns if not self._sight.hides(c, one.name))
            for one, columns in self._columns.items()
            if not self._refusal(one)
        }

    def _make_views(self, statement: Statement) -> None:
        for wanted in statement.tables:
            table = self._resolve(wanted)
            if table is None:
                if wanted.schema == "" and wanted.name in statement.own:
                    continue
                raise duckdb.CatalogException(f"Table with name {wanted.name} does not exist")
            refusal = self._refusal(table)
            if refusal:
                raise ForbiddenError(refusal)
            with self._lock:
                if table not in self._made:
                    self._connection.execute(self._view_of(table))
                    self._made.add(table)

    def _resolve(self, wanted: TableName) -> TableName | None:
        schemas = (wanted.schema,) if wanted.schema else SCHEMAS
        places = (TableName(schema, wanted.name) for schema in schemas)
        return next((place for place in places if place in self._columns), None)

    def _refusal(self, table: TableName) -> str:
        """Why a table can't be shown, as a sentence; empty when it can."""
        if table.schema not in SEEN_SCHEMAS or table.name in _NEVER_SEEN:
            return f"{table.name} is not part of a limited view."
        if all(self._sight.hides(name, table.name) for name in self._columns[table]):
            return f"{table.name} is hidden from your role."
        for dimension, _ in self._sight.rows:
            if self._condition(table, dimension) is None:
                return (
                    f"Only rows of your own {dimension} may be shown to you, and {table.name} "
                    f"can't be told apart by {dimension}."
                )
        return ""

    def _view_of(self, table: TableName) -> str:
        conditions = [self._condition(table, dimension) for dimension, _ in self._sight.rows]
        hidden = [
            f"null::{kind} as {_name(column)}"
            for column, kind in self._columns[table].items()
            if self._sight.hides(column, table.name)
        ]
        replaced = f" replace ({', '.join(hidden)})" if hidden else ""
        where = " and ".join(one for one in conditions if one) or "true"
        return (
            f"create view {LAKE_NAME}.{table.schema}.{_name(table.name)} as "  # noqa: S608
            f"select *{replaced} from {self._place(table)} where {where}"
        )

    def _condition(self, table: TableName, dimension: RowDimension) -> str | None:
        """SQL that keeps the rows of others out; None when nothing tells them apart."""
        values = self._sight.permitted()[dimension]
        own = next((c for c in COLUMNS_OF[dimension] if c in self._columns[table]), None)
        if table.schema == _DIRECTORY_SCHEMA or table.name in DIRECTORIES:
            if own is None:
                return "true"
            everyone = f" or {own} is null or {own} = '{_FOR_ALL}'"
            return f"({_among(own, values)}{everyone if table.name not in DIRECTORIES else ''})"
        if own is not None:
            return _among(own, values)
        for key, holder_name in KEYS:
            holder = TableName("marts", holder_name)
            known = self._columns.get(holder, {})
            theirs = next((c for c in COLUMNS_OF[dimension] if c in known), None)
            if key in self._columns[table] and theirs is not None and key in known:
                return (
                    f"{key} in (select {key} from {self._place(holder)} "  # noqa: S608
                    f"where {_among(theirs, values)})"
                )
        return None

    def _place(self, table: TableName) -> str:
        return f"{self._source}.{table.schema}.{_name(table.name)}"


def open_permitted(
    settings: Settings,
    as_of: datetime | str | None,
    sight: Sight,
    *,
    engine: Engine | None = None,
) -> PublishedLake:
    """Open a publication as a viewer may see it; as it is, when nothing is hidden from them.

    Raises:
        NothingPublishedError: nothing is published (yet, or at that time).
        ContractError: that publication has expired.
    """
    publication = find_published(settings, as_of, engine=engine or open_database(settings))
    if not sight.is_limited:
        return PublishedLake(publication, connect_snapshot(settings, publication.snapshot_id))
    source = f"whole_{secrets.token_hex(8)}"
    connection = connect_snapshot(settings, publication.snapshot_id, name=source)
    return PermittedLake(publication, connection, source, sight)


def _columns_of(
    connection: duckdb.DuckDBPyConnection, source: str
) -> dict[TableName, dict[str, str]]:
    """Columns and their types by table, in the order of the table."""
    found: dict[TableName, dict[str, str]] = {}
    rows = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? order by schema_name, table_name, column_index",
        [source],
    ).fetchall()
    for schema, table, column, kind in rows:
        found.setdefault(TableName(schema.lower(), table.lower()), {})[column.lower()] = kind
    return found


def _among(column: str, values: Iterable[str]) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} in ({listed})" if listed else "false"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
