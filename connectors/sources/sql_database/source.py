"""Reads tables and views of a database through dlt's `sql_table`, by configuration alone.

Which tables are which entities stands in fourflow.yml; what their columns mean, in the mapping
YAML of the source. A cursor column is dlt's `incremental`; kept with the rows it made.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import dlt
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from connectors.declarations import known_time_zone, suggest
from connectors.errors import InputError
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.guards import ShrinkGuard
from connectors.sources.api.reading import Reading
from connectors.sources.dlt.bronze import to_bronze
from connectors.sources.sql_database.engine import open_engine, refusal

_EARLIEST: Final = datetime(1, 1, 2)  # noqa: DTZ001 - given the column's own zone
_DEFAULT_STEPS: Final = 1000


class SqlTable(BaseModel):
    """One table or view, and how what is new in it is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(
        min_length=1, description="Name of the table or view, as the database has it."
    )
    cursor: str | None = Field(
        default=None,
        min_length=1,
        description="Column that grows with every change of a row (updated_at, a row version); "
        "left out: the whole table is read every time.",
    )
    overlap: int | None = Field(
        default=None,
        ge=0,
        description="How far each reading goes back: minutes of a time, days of a date, steps of a "
        "whole number; empty: `overlap_minutes`, 1 day, 1000 steps.",
    )
    least_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Without a cursor: a reading with fewer rows than this share of the one before "
        "is refused as cut off.",
    )
    columns: list[str] = Field(
        default=[], description="Only these columns are read; empty: all. Leave personal data out."
    )


class SqlAccount(AccountConfig):
    """One database, or one schema of it."""

    base_url: str = Field(default="", description="Not used: `url` says where the database is.")
    url: SecretStr = Field(
        description="Address with user and password: postgresql://user:password@host:5432/name."
    )
    db_schema: str | None = Field(
        default=None, alias="schema", min_length=1, description="Schema of the tables, such as pos."
    )
    entities: dict[str, SqlTable] = Field(
        min_length=1, description="Our entity: the table or view that holds its records."
    )
    time_zone: str = Field(
        default="UTC", description="Zone of times without one in cursor columns (Asia/Shanghai)."
    )
    start: date | None = Field(
        default=None, description="First day of the first reading, by the cursor; empty: all rows."
    )
    page_size: int = Field(default=10_000, ge=1, description="Rows fetched and held at once.")

    _zone = field_validator("time_zone")(known_time_zone)


def _sql_source(account: SqlAccount, reading: Reading) -> Any:
    """The tables as resources that yield rows of bronze, named after our entities."""
    engine = open_engine(account.url.get_secret_value(), timeout_seconds=account.timeout_seconds)
    reading.clients.callback(engine.dispose)

    @dlt.source(name=reading.source)
    def rows() -> Iterator[Any]:
        for entity, wanted in account.entities.items():
            if reading.entity in (None, entity):
                table = _reflected(engine, account, wanted)
                yield _Rows(engine, account, reading, entity, table).resource()

    return rows()


class _Rows:
    """The new rows of one table."""

    def __init__(
        self, engine: sa.Engine, account: SqlAccount, reading: Reading, entity: str, table: sa.Table
    ) -> None:
        self._engine = engine
        self._account = account
        self._reading = reading
        self._entity = entity
        self._table = table
        self._wanted = account.entities[entity]
        self._cursor = _cursor_of(table, self._wanted)

    def resource(self) -> Any:
        """A dlt resource; a failing query is one sentence."""
        from dlt.sources.sql_database import TableLoader, sql_table  # noqa: PLC0415 - as dlt's are

        doing = f"reading {self._table.fullname}"
        check_size = self._check_size

        class Loader(TableLoader):
            def load_rows(self, *arguments: Any, **options: Any) -> Iterator[Any]:
                count = 0
                try:
                    for rows in super().load_rows(*arguments, **options):
                        count += len(rows)
                        yield rows
                except SQLAlchemyError as error:
                    raise refusal(error, doing) from error
                check_size(count)

        resource = sql_table(
            credentials=self._engine,
            table=self._table.name,
            metadata=self._table.metadata,
            incremental=self._incremental(),
            chunk_size=self._account.page_size,
            # A view's types may be wider than what dlt knows; our rows have their own columns.
            reflection_level="minimal",
            included_columns=self._wanted.columns or None,
            query_adapter_callback=self._within_bounds if self._has_clock else None,
            table_loader_class=Loader,
        )
        return resource | to_bronze(self._entity, self._reading)

    def _check_size(self, count: int) -> None:
        """A table that is read whole every time has not lost most of its rows."""
        if self._cursor is None and self._reading.since is None:
            state = dlt.current.resource_state(self._entity)
            ShrinkGuard(self._table.fullname, self._wanted.least_share, state).check(count)

    @property
    def _has_clock(self) -> bool:
        return self._cursor is not None and _kind(self._cursor) is not int

    def _incremental(self) -> Any:
        if self._cursor is None:
            return None
        since, start = self._reading.since, self._account.start
        options: dict[str, Any] = {
            "row_order": "asc",
            "on_cursor_value_missing": "include",
            "allow_external_schedulers": False,
            "primary_key": (),
        }
        if since is not None:
            if not self._has_clock:
                return None  # numbers tell no time: a backfill reads all, and moves no cursor
            options |= {"initial_value": self._value(since), "end_value": self._value(self._now)}
        elif start is not None and self._has_clock:
            first = datetime.combine(start, time.min, ZoneInfo(self._account.time_zone))
            options["initial_value"] = self._value(first)
        return dlt.sources.incremental(self._cursor.name, lag=self._lag() or None, **options)

    def _lag(self) -> int:
        kind, overlap = _kind(self._cursor), self._wanted.overlap
        if kind is datetime:
            return 60 * (self._account.overlap_minutes if overlap is None else overlap)
        if kind is date:
            return 1 if overlap is None else overlap
        return _DEFAULT_STEPS if overlap is None else overlap

    @property
    def _now(self) -> datetime:
        return self._reading.now - timedelta(seconds=self._account.behind_seconds)

    def _value(self, instant: datetime) -> Any:
        """An instant as the cursor column would write it."""
        local = instant.astimezone(ZoneInfo(self._account.time_zone))
        if _kind(self._cursor) is date:
            return local.date()
        is_aware = getattr(self._cursor.type, "timezone", False)
        return instant.astimezone(UTC) if is_aware else local.replace(tzinfo=None)

    def _within_bounds(self, query: Any, _table: Any, *_rest: Any) -> Any:
        """Without rows of a time to come: one mistyped year would hide all later changes."""
        cursor = self._cursor
        newest = self._value(self._now)
        earliest = _EARLIEST.replace(tzinfo=getattr(newest, "tzinfo", None))
        oldest = earliest.date() if _kind(cursor) is date else earliest
        outside = sa.or_(cursor > newest, cursor < oldest)
        counted = sa.select(sa.func.count(), sa.func.max(cursor)).where(outside)
        with self._engine.connect() as connection:
            count, latest = connection.execute(counted).one()
        if count:
            self._reading.on_problem(
                self._entity,
                f"{count} rows of {self._table.fullname} have a {cursor.name} that has not come "
                f"yet (up to {latest}), so they are not read; correct them in the database, or "
                "`time_zone` if all times are ahead.",
            )
        return query.where(sa.or_(cursor.between(oldest, newest), cursor.is_(None)))


def _reflected(engine: sa.Engine, account: SqlAccount, wanted: SqlTable) -> sa.Table:
    metadata = sa.MetaData(schema=account.db_schema)
    place = f"{account.db_schema}.{wanted.table}" if account.db_schema else wanted.table
    try:
        table = sa.Table(wanted.table, metadata, autoload_with=engine, resolve_fks=False)
    except NoSuchTableError as error:
        known = sa.inspect(engine)
        names = [
            *known.get_table_names(account.db_schema),
            *known.get_view_names(account.db_schema),
        ]
        raise InputError(
            f"The database shows its user no table or view {place}; {suggest(wanted.table, names)}."
        ) from error
    except SQLAlchemyError as error:
        raise refusal(error, f"looking at {place}") from error
    for name in [*wanted.columns, *([wanted.cursor] if wanted.cursor else [])]:
        if name not in table.c:
            raise InputError(f"{place} has no column {name!r}; {suggest(name, table.c.keys())}.")
    if wanted.columns and wanted.cursor and wanted.cursor not in wanted.columns:
        raise InputError(f"`columns` of {place} must name its cursor {wanted.cursor}, too.")
    return table


def _cursor_of(table: sa.Table, wanted: SqlTable) -> Any:
    if wanted.cursor is None:
        return None
    column = table.c[wanted.cursor]
    if _kind(column) not in (datetime, date, int):
        raise InputError(
            f"{table.fullname}.{column.name} is of type {column.type}, which is no cursor; name a "
            "column with a time, a date or a whole number, or leave `cursor` out."
        )
    return column


def _kind(column: Any) -> type[Any] | None:
    kinds = ((sa.DateTime, datetime), (sa.Date, date), (sa.Integer, int))
    return next((kind for theirs, kind in kinds if isinstance(column.type, theirs)), None)


def _check(account: SqlAccount, reading: Reading) -> str:
    engine = open_engine(account.url.get_secret_value(), timeout_seconds=account.timeout_seconds)
    reading.clients.callback(engine.dispose)
    tables = [_reflected(engine, account, wanted) for wanted in account.entities.values()]
    for table, wanted in zip(tables, account.entities.values(), strict=True):
        _cursor_of(table, wanted)
        try:
            with engine.connect() as connection:
                connection.execute(sa.select(*table.c).limit(1))
        except SQLAlchemyError as error:
            raise refusal(error, f"reading {table.fullname}") from error
    names = ", ".join(table.fullname for table in tables)
    return f"The {engine.dialect.name} database answers and lets its user read {names}."


CONNECTOR: Final[Connector] = Connector(
    name="sql_database",
    title="SQL database (till, ERP)",
    config=SqlAccount,
    entities=(),
    source=_sql_source,
    check=_check,
)
