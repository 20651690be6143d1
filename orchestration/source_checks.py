"""Is everything in the lake that a source has: orders and amounts, counted at both ends.

A platform is asked anew which orders were created on a day, a file is read anew from disk; both are
read with the mapping that staging has and compared with bronze. Nothing is landed and no cursor
moves. What changed at a platform after the last reading is not read yet, which is no difference.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from connectors.configuration import FILES, Configuration, ConfiguredSource
from connectors.errors import FourflowError, InputError, NothingPublishedError
from connectors.lake.attach import connect_snapshot
from connectors.lake.repair import bronze_tables
from connectors.settings import LAKE_NAME, Settings
from connectors.sources.api.connector import Connector, find_connector
from connectors.sources.api.entity import BRONZE_SCHEMA
from connectors.sources.api.listing import list_created
from connectors.sources.api.reading import Reading, Window
from connectors.sources.files.discovery import find_files
from connectors.sources.files.staging import BRONZE_SCHEMA as _FILE_SCHEMA
from connectors.sources.files.staging import fingerprint, stage_file
from connectors.sources.history import read_histories
from connectors.sources.mapping import DeclaredEntity, DeclaredSource, load_source
from connectors.sources.typed import columns_of, is_of_record, typed_query
from orchestration.progress import RunProgress
from orchestration.run_state import utc_now
from orchestration.source_comparisons import Comparison

DEFAULT_DAYS: Final = 7
_CREATED: Final = "created_at"
_BRONZE: Final = f"{LAKE_NAME}.bronze"
# What was created on a day was not received before it, clocks that differ set aside; and platforms
# that list an order from when its deal was made may do so the day after it was created.
_SLACK: Final = timedelta(days=1)
# Records of files that are compared in one go.
_AT_ONCE: Final = 200_000


@dataclass(frozen=True)
class _Record:
    created_at: datetime | None
    version: datetime | None
    amount: Decimal | None
    currency_code: str
    split_from: str | None


_Records = dict[str, _Record]


@dataclass(frozen=True)
class _ReadFile:
    """A file read anew that is in the lake: what is to be said of it, and its records."""

    entity: DeclaredEntity
    sha256: str
    blank: Comparison
    records: pa.Table


def complete_days(settings: Settings, count: int, *, now: datetime | None = None) -> list[date]:
    """The last business dates that are over, oldest first."""
    zone = ZoneInfo(settings.business_time_zone)
    today = (now or utc_now()).astimezone(zone).date()
    return [today - timedelta(days=back) for back in range(count, 0, -1)]


def compare_sources(
    settings: Settings,
    configuration: Configuration,
    days: Sequence[date],
    progress: RunProgress,
    *,
    name: str | None = None,
) -> list[Comparison]:
    """Compare these days of a source with the lake, or of all sources that can be read again.

    A source that cannot be read again (carriers, pushes, any source of dlt's) is left out of all,
    and refused when it is named.

    Args:
        settings: which lake.
        configuration: what is read.
        days: business dates without a gap, oldest first; of files those that changed since.
        progress: told source by source.
        name: only this source.

    Raises:
        InputError: there is no such source, or it can't be read again.
    """
    checker = _Checker(settings, days, progress)
    if name is not None:
        reason = checker.cannot(configuration.source(name))
        if reason:
            raise InputError(reason)
    wanted = [configuration.source(name)] if name else list(configuration.sources.values())
    return [
        comparison
        for source in wanted
        if not checker.cannot(source)
        for comparison in checker.check(source)
    ]


class _Checker:
    def __init__(self, settings: Settings, days: Sequence[date], progress: RunProgress) -> None:
        self._settings = settings
        self._days = days
        self._progress = progress
        self._now = utc_now()
        self._zone = ZoneInfo(settings.business_time_zone)
        start, end = (
            datetime.combine(day, time.min, self._zone).astimezone(UTC)
            for day in (days[0], days[-1] + timedelta(days=1))
        )
        self._span = Window(start, min(end, self._now), is_first=True)

    def cannot(self, source: ConfiguredSource) -> str:
        """Why a source can't be read again; empty if it can, or if its configuration is wrong."""
        if source.connector == FILES or not source.accounts:
            return ""
        connector = find_connector(source.connector)
        if self._listed(source, connector):
            return ""
        return (
            f"{source.name} ({connector.title}) can't be asked what was created on a day: it "
            "pushes, follows single parcels, or has bills and no orders."
        )

    def check(self, source: ConfiguredSource) -> Iterator[Comparison]:
        """All that is to be said of one source."""
        step = f"check {source.name}"
        self._progress.start(step)
        for problem in source.problems:
            yield Comparison(source.name, "", "", None, self._now, problem=problem)
        if source.path is not None:
            yield from self._files(source, source.path)
        for account, config in source.accounts.items():
            connector = find_connector(source.connector)
            for entity in self._listed(source, connector):
                blank = Comparison(source.name, account, entity.name, None, self._now)
                try:
                    found = self._account(source, connector, config, entity, blank)
                except FourflowError as error:
                    found = [replace(blank, problem=str(error))]
                yield from found
        self._progress.finish(step, "compared")

    def _listed(self, source: ConfiguredSource, connector: Connector) -> list[DeclaredEntity]:
        """What can be listed by creation, as `Window.is_first` asks a connector to do."""
        if connector.parcels is not None or not connector.entities:
            return []
        return [
            entity
            for entity in load_source(self._settings, source.name).received
            if entity.name in connector.entities
            and _CREATED in entity.mapping.columns
            and entity.amount
        ]

    def _account(
        self,
        source: ConfiguredSource,
        connector: Connector,
        config: Any,
        entity: DeclaredEntity,
        blank: Comparison,
    ) -> list[Comparison]:
        history = read_histories(self._settings).of_account(source.name, blank.place)
        cursor = history.cursors.get(entity.name) if history else None
        if cursor is None:
            problem = f"{source.name} ({blank.place}) was never read; run `fourflow run`."
            return [replace(blank, problem=problem)]
        reading = Reading(source.name, blank.place, self._now, entity=entity.name)
        present = self._now - timedelta(seconds=config.behind_seconds)
        span = Window(self._span.start, min(self._span.end + _SLACK, present), is_first=True)
        listed = list_created(self._settings, connector, config, reading, span)
        declared = load_source(self._settings, source.name)
        received_from = self._span.start - _SLACK
        condition = f"account = {_text(blank.place)} and received_at >= {_text(str(received_from))}"
        with _newest_lake(self._settings) as lake:
            there = self._read(lake, declared, entity, listed).get("", {})
            here = self._read(lake, declared, entity, _landed(lake, entity, condition)).get("", {})
        read_until = datetime.fromisoformat(cursor)
        waiting = {
            number
            for number, record in there.items()
            if any(at and at >= read_until for at in (record.version, record.created_at))
        }
        # A platform that splits an order may list its parts only.
        split = {record.split_from for record in (*there.values(), *here.values())}
        ignored = waiting | {number for number in here if number in split and number not in there}
        return [
            row
            for day in self._days
            for row in _compared(
                replace(blank, day=day),
                self._of_day(there, day),
                self._of_day(here, day),
                waiting=waiting,
                ignored=ignored,
            )
        ]

    def _of_day(self, records: _Records, day: date) -> _Records:
        return {
            number: record
            for number, record in records.items()
            if record.created_at and record.created_at.astimezone(self._zone).date() == day
        }

    def _files(self, source: ConfiguredSource, path: Path) -> Iterator[Comparison]:
        declared = load_source(self._settings, source.mapping)
        blank = Comparison(source.name, "", "", None, self._now)
        with contextlib.ExitStack() as stack:
            lake, received = None, set[tuple[str, str]]()
            try:
                offered = find_files(declared, path)
                with contextlib.suppress(NothingPublishedError):
                    lake = stack.enter_context(_newest_lake(self._settings))
                    received = _received(lake, declared.name)
            except FourflowError as error:
                yield replace(blank, problem=str(error))
                return
            self._settings.root.mkdir(parents=True, exist_ok=True)
            scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=self._settings.root))
            part = Path(scratch) / "file.arrow"
            reader = stack.enter_context(duckdb.connect())
            read: list[_ReadFile] = []
            for file in offered:
                named = replace(blank, place=file.name, entity=file.entity.name)
                try:
                    content = fingerprint(file)
                    if content.modified_at < self._span.start:
                        continue
                    staged = stage_file(
                        file, content, to=part, received_at=self._now, connection=reader
                    )
                except FourflowError as error:
                    yield replace(named, problem=str(error))
                    continue
                if (file.entity.name, content.sha256) not in received:
                    yield replace(named, not_read=staged.record_count)
                    continue
                records = pa.concat_tables([_FILE_SCHEMA.empty_table(), *staged.tables()])
                read.append(_ReadFile(file.entity, content.sha256, named, records))
                if lake is not None and sum(len(one.records) for one in read) > _AT_ONCE:
                    yield from self._compared_files(lake, declared, read)
                    read = []
            if lake is not None:
                yield from self._compared_files(lake, declared, read)

    def _compared_files(
        self,
        lake: duckdb.DuckDBPyConnection,
        declared: DeclaredSource,
        files: Sequence[_ReadFile],
    ) -> Iterator[Comparison]:
        """Files of an entity are asked for together: a query costs more than the rows of a file."""
        by_entity: dict[str, list[_ReadFile]] = {}
        for file in files:
            by_entity.setdefault(file.entity.name, []).append(file)
        for group in by_entity.values():
            entity = group[0].entity
            hashes = ", ".join(sorted({_text(file.sha256) for file in group}))
            offered = pa.concat_tables([file.records for file in group])
            there = self._read(lake, declared, entity, offered)
            landed = _landed(lake, entity, f"file_sha256 in ({hashes})")
            here = self._read(lake, declared, entity, landed)
            for file in group:
                yield from _compared(
                    file.blank, there.get(file.sha256, {}), here.get(file.sha256, {})
                )

    def _read(
        self,
        lake: duckdb.DuckDBPyConnection,
        source: DeclaredSource,
        entity: DeclaredEntity,
        records: pa.Table | str,
    ) -> dict[str, _Records]:
        """The newest version of every record by its number; of files every line by its number.

        By the hash of the file; what a platform tells has none.
        """
        mapping = entity.mapping
        relation = records
        if isinstance(records, pa.Table):
            lake.register(relation := "listed", records)
        of_files = bool(mapping.files)
        key = [] if of_files else [name for name in mapping.record_key if name != "account"]
        optional = [n for n in ("currency_code", "split_from") if is_of_record(entity, n)]
        amount = columns_of(entity, entity.amount)
        is_told = entity.amount and all(is_of_record(entity, name) for name in amount)
        created = [] if of_files else [_CREATED]
        version = [entity.version_by] if entity.version_by and not of_files else []
        named = (*key, *created, *version, *optional, *(amount if is_told else ()))
        query = typed_query(self._settings, source, entity, str(relation), named)
        currency = mapping.currency_code or source.mapping.currency_code or ""
        split = "split_from" if "split_from" in optional else "cast(null as varchar)"
        currencies = (
            f"coalesce(currency_code, '{currency}')"
            if "currency_code" in optional
            else f"'{currency}'"
        )
        file = "file_sha256" if of_files else "''"
        number = (
            "cast(record_number as varchar)" if of_files else f"concat_ws('/', {', '.join(key)})"
        )
        rows = lake.execute(
            f"""
            select
                {file} as file,
                {number} as number,
                {_CREATED if created else "cast(null as timestamptz)"} as created_at,
                {version[0] if version else "cast(null as timestamptz)"} as version,
                cast({entity.amount if is_told else "null"} as decimal(18, 2)) as amount,
                {currencies} as currency_code,
                {split} as split_from
            from ({query})
            qualify
                row_number() over (
                    partition by file, number
                    order by version desc nulls last, received_at desc, record_number desc
                ) = 1
            """  # noqa: S608 - names of the mapping
        ).fetchall()
        found: dict[str, _Records] = {}
        for file, number, *record in rows:
            if number:
                found.setdefault(str(file), {})[str(number)] = _Record(*record)
        return found


def _compared(
    blank: Comparison,
    there: _Records,
    here: _Records,
    *,
    waiting: Set[str] = frozenset(),
    ignored: Set[str] = frozenset(),
) -> Iterator[Comparison]:
    """A row for each currency; one without a currency where there is nothing at all."""
    currencies = sorted({record.currency_code for record in (*there.values(), *here.values())})
    for currency in currencies or [""]:
        theirs, ours = (
            {
                number: record
                for number, record in records.items()
                if number not in ignored and record.currency_code == currency
            }
            for records in (there, here)
        )
        both = sorted(theirs.keys() & ours.keys())
        changed = [number for number in both if theirs[number].amount != ours[number].amount]
        yield replace(
            blank,
            currency_code=currency,
            there_count=len(theirs),
            here_count=len(ours),
            there_amount=_total(theirs),
            here_amount=_total(ours),
            missing=tuple(sorted(theirs.keys() - ours.keys())),
            gone=tuple(sorted(ours.keys() - theirs.keys())),
            changed=tuple(changed),
            outdated=tuple(
                number
                for number in both
                if number not in changed and _is_newer(theirs[number], ours[number])
            ),
            not_read=sum(
                record.currency_code == currency and number in waiting
                for number, record in there.items()
            ),
        )


def _total(records: _Records) -> Decimal | None:
    amounts = [record.amount for record in records.values() if record.amount is not None]
    return sum(amounts, Decimal()) if amounts else None


def _is_newer(record: _Record, other: _Record) -> bool:
    return bool(record.version and other.version and record.version > other.version)


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


@contextlib.contextmanager
def _newest_lake(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """What is committed now, published or not: a check is of what was read."""
    connection = connect_snapshot(settings)
    try:
        yield connection
    finally:
        connection.close()


def _landed(
    lake: duckdb.DuckDBPyConnection, entity: DeclaredEntity, condition: str
) -> pa.Table | str:
    """The records of an entity in bronze, of committed loads; an empty table without any."""
    if entity.table not in bronze_tables(lake, with_load_id=True):
        return (_FILE_SCHEMA if entity.mapping.files else BRONZE_SCHEMA).empty_table()
    return (
        f"(select * from {_BRONZE}.{entity.table} where {condition} and _dlt_load_id in "  # noqa: S608
        f"(select load_id from {_BRONZE}._dlt_loads where status = 0))"
    )


def _received(lake: duckdb.DuckDBPyConnection, source: str) -> set[tuple[str, str]]:
    """Entity and fingerprint of every file of a source that is in bronze."""
    if "received_files" not in bronze_tables(lake, with_load_id=True):
        return set()
    return set(
        lake.execute(
            f"select entity, file_sha256 from {_BRONZE}.received_files where source = ? and "  # noqa: S608
            f"_dlt_load_id in (select load_id from {_BRONZE}._dlt_loads where status = 0)",
            [source],
        ).fetchall()
    )
