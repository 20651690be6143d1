"""Which parcels a carrier is asked about: found in bronze, before any model is built.

A parcel is whatever a source's mapping calls `tracking_no` beside the name of a carrier. It is
left alone when a carrier told its end, when its shop told its delivery, when it was asked about a
short while ago, or when it left long ago.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb
from pydantic import Field

from connectors.errors import NothingPublishedError
from connectors.lake.attach import connect_snapshot
from connectors.lake.repair import bronze_tables
from connectors.settings import LAKE_NAME, Settings
from connectors.sources.api.carriers import CARRIER_KEY, carrier_names, ending_codes
from connectors.sources.api.connector import AccountConfig
from connectors.sources.api.reading import Reading, TrackingNumber
from connectors.sources.mapping import Column, DeclaredEntity, DeclaredSource, list_sources
from connectors.sources.mapping import load_source as load_mapping

_PUSHES: Final = "pushes"  # what arrives through the inbox was never asked for
_CARRIER_COLUMNS: Final = ("carrier", "carrier_name", "carrier_code")
_PHONE_COLUMNS: Final = ("receiver_phone", "phone_tail")
_BLANKS: Final = "chr(32) || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288) || chr(65279)"
_MICROSECONDS: Final = {
    "epoch_seconds": 1_000_000,
    "epoch_milliseconds": 1_000,
    "epoch_microseconds": 1,
}


class CarrierAccount(AccountConfig):
    """What every account with a carrier has; parcels are found in the lake."""

    phone_tail: str = Field(
        default="",
        pattern=r"^([0-9]{4})?$",
        description="Last four digits of the sender's phone, which some carriers want to hear.",
    )
    workers: int = Field(
        default=4, ge=1, le=32, description="Calls that are on their way at the same time."
    )
    ask_again_minutes: int = Field(
        default=30, ge=0, description="A parcel is not asked about again for so long."
    )
    hours_after_end: int = Field(
        default=48,
        ge=0,
        description="A parcel whose end was told is asked about for so long after it: scans come "
        "late, and some ends are taken back.",
    )
    leave_after_days: int = Field(
        default=30, ge=1, description="Parcels that left longer ago are not asked about any more."
    )
    most_parcels: int = Field(
        default=20_000, ge=1, description="Most parcels asked about in one reading; others wait."
    )


@dataclass(frozen=True)
class _Records:
    """An entity's records as a subquery: `payload`, `parent_payload`, `received_at`."""

    source: DeclaredSource
    entity: DeclaredEntity
    sql: str

    def has(self, *names: str) -> bool:
        return all(name in self.entity.mapping.columns for name in names)

    def text(self, *names: str) -> str:
        """The trimmed text of these columns, of the first that has one."""
        columns = (self.entity.mapping.columns.get(name) for name in names)
        texts = ", ".join(_text(column) for column in columns if column is not None)
        return f"coalesce({texts})" if texts else "cast(null as varchar)"

    def instant(self, name: str) -> str:
        column = self.entity.mapping.columns.get(name)
        if column is None:
            return "cast(null as timestamptz)"
        text = _text(column)
        if column.type in _MICROSECONDS:
            micros = f"nullif(try_cast({text} as bigint), 0) * {_MICROSECONDS[column.type]}"
            return f"make_timestamptz({micros})"
        zone = _literal(self.entity.mapping.time_zone or self.source.mapping.time_zone)
        return (
            f"case when regexp_matches({text}, '.{{16}}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') "
            f"then try_cast({text} as timestamptz) "
            f"else try_cast({text} as timestamp) at time zone {zone} end"
        )


def open_parcels(
    settings: Settings,
    account: CarrierAccount,
    reading: Reading,
    *,
    connector: str,
    carriers: Collection[str] = (),
) -> list[TrackingNumber]:
    """The parcels that are worth a question now, those never or longest not asked first.

    Args:
        settings: which lake.
        account: how often and for how long a parcel is asked about.
        reading: its `now` is the present of the business; with `since`, parcels that left after it.
        connector: which carrier's earlier answers count as asked.
        carriers: our codes of the carriers (seed `carriers`); empty: every carrier that is known.
    """
    try:
        lake = connect_snapshot(settings)
    except NothingPublishedError:
        return []
    patience = timedelta(days=account.leave_after_days)
    shipped_since = reading.since or reading.now - patience
    now = datetime.now(UTC)
    try:
        # What left since then was received since then: older records need not be read.
        finder = _Finder(settings, lake, min(shipped_since, now - patience))
        if not finder.parcels:
            return []
        asked_before = now - timedelta(minutes=account.ask_again_minutes)
        rows = lake.execute(
            finder.statement(connector),
            {
                "shipped_since": shipped_since,
                "asked_before": asked_before,
                "ended_before": reading.now - timedelta(hours=account.hours_after_end),
                "carriers": sorted(carriers),
                "most": account.most_parcels,
            },
        ).fetchall()
    finally:
        lake.close()
    return [TrackingNumber(*row) for row in rows]


class _Finder:
    """Reads the mappings and says what to ask the lake."""

    def __init__(
        self, settings: Settings, lake: duckdb.DuckDBPyConnection, received_since: datetime
    ) -> None:
        self._tables = set(bronze_tables(lake, with_load_id=True))
        self._since = f"timestamptz '{received_since.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'"
        lake.register("carrier_names", carrier_names(settings))
        lake.register("ending_codes", ending_codes(settings))
        sources = (load_mapping(settings, name) for name in list_sources(settings))
        self._every = [
            _Records(source, entity, self._records(entity))
            for source in sources
            for entity in source.entities
            if entity.table in self._tables and "tracking_no" in entity.mapping.columns
        ]

    @property
    def parcels(self) -> list[_Records]:
        """What names a parcel and its carrier."""
        return [
            records
            for records in self._every
            if not records.has("scanned_at") and any(map(records.has, _CARRIER_COLUMNS))
        ]

    def _records(self, entity: DeclaredEntity) -> str:
        mapping = entity.mapping
        received = (
            "select payload, null as parent_payload, received_at "  # noqa: S608 - our own names
            f'from {LAKE_NAME}.bronze."{entity.table}" '
            f"where read_error is null and received_at >= {self._since} and _dlt_load_id in "
            f"(select load_id from {LAKE_NAME}.bronze._dlt_loads where status = 0)"
        )
        if mapping.record_of is None:
            return received
        number = mapping.columns["tracking_no"]
        if number.of == "parent" and "scanned_at" in mapping.columns:
            # Every answer about a parcel holds all of its scans so far.
            received += (
                f" qualify row_number() over (partition by {_text(number, 'payload')} "
                "order by received_at desc) = 1"
            )
        array = _literal(f"{mapping.records_in}[*]")
        return (
            f"select unnest(json_extract(payload, {array})) as payload, "  # noqa: S608
            f"payload as parent_payload, received_at from ({received})"
        )

    def statement(self, connector: str) -> str:
        """One query over every record that says something about a parcel."""
        return f"""
            with parcels as ({_union(self._parcel_rows(), _NUMBER)}),
            scans as ({_union(self._scan_rows(), _SCAN)}),
            closed as ({_union(self._closed_rows(), _NUMBER)}),
            asked as ({_union(self._asked_rows(connector), _ASKED)}),
            known as (
                select upper(tracking_no) as number, carrier_names.carrier,
                    any_value(tracking_no) as tracking_no,
                    coalesce(max(right(regexp_replace(phone, '[^0-9]', '', 'g'), 4)), '') as phone,
                    coalesce(max(shipped_at), min(received_at)) as shipped_at,
                    bool_or(is_delivered) as is_delivered
                from parcels
                inner join carrier_names
                    on carrier_names.name = {CARRIER_KEY.format(name="carrier_name")}
                where tracking_no is not null
                group by all
            ),
            ended as (
                select upper(tracking_no) as number
                from scans
                left join ending_codes
                    on scans.source = ending_codes.source and scans.code = ending_codes.code
                group by all
                having max(scanned_at) <= $ended_before and (
                    arg_max(
                        ending_codes.code is not null, (scanned_at, ending_codes.code is not null)
                    )
                    or upper(tracking_no) in (select upper(closed.tracking_no) from closed)
                )
            ),
            last_asked as (
                select upper(tracking_no) as number, max(received_at) as asked_at
                from asked group by all
            )
            select tracking_no, carrier, if(length(phone) = 4, phone, '')
            from known
            left join last_asked on known.number = last_asked.number
            where not is_delivered
                and shipped_at >= $shipped_since
                and (len(cast($carriers as varchar[])) = 0
                    or list_contains(cast($carriers as varchar[]), carrier))
                and coalesce(asked_at <= $asked_before, true)
                and known.number not in (select number from ended where number is not null)
            order by asked_at nulls first, shipped_at, tracking_no
            limit $most
        """  # noqa: S608 - names and paths come from the mappings

    def _parcel_rows(self) -> Iterator[str]:
        for records in self.parcels:
            yield f"""
                select {records.text("tracking_no")} as tracking_no,
                    {records.text(*_CARRIER_COLUMNS)} as carrier_name,
                    {records.text(*_PHONE_COLUMNS)} as phone,
                    {records.instant("shipped_at")} as shipped_at,
                    {records.text("delivered_at")} is not null as is_delivered,
                    received_at
                from ({records.sql})
            """  # noqa: S608

    def _scan_rows(self) -> Iterator[str]:
        for records in self._every:
            if records.has("scanned_at", "source_code"):
                yield f"""
                    select {_literal(records.source.name)} as source,
                        {records.text("tracking_no")} as tracking_no,
                        {records.text("source_code", "other_source_code")} as code,
                        {records.instant("scanned_at")} as scanned_at
                    from ({records.sql})
                """  # noqa: S608

    def _closed_rows(self) -> Iterator[str]:
        for records in self._every:
            if records.has("is_closed"):
                yield f"""
                    select {records.text("tracking_no")} as tracking_no from ({records.sql})
                    group by all
                    having arg_max({records.text("is_closed")}, received_at) in ('1', 'true')
                """  # noqa: S608

    def _asked_rows(self, connector: str) -> Iterator[str]:
        for records in self._every:
            is_own = records.source.mapping.connector == connector
            is_pushed = records.entity.name == _PUSHES
            if is_own and not is_pushed and not records.has("scanned_at"):
                yield f"""
                    select {records.text("tracking_no")} as tracking_no, received_at
                    from ({records.sql})
                """  # noqa: S608


_NUMBER: Final = "cast(null as varchar) as tracking_no"
_ASKED: Final = f"{_NUMBER}, cast(null as timestamptz) as received_at"
_SCAN: Final = (
    "cast(null as varchar) as source, cast(null as varchar) as tracking_no, "
    "cast(null as varchar) as code, cast(null as timestamptz) as scanned_at"
)


def _union(selects: Iterator[str], empty: str) -> str:
    return " union all ".join(selects) or f"select {empty} where false"


def _text(column: Column, payload: str = "") -> str:
    place = payload or ("parent_payload" if column.of == "parent" else "payload")
    path = column.path or f'$."{column.header}"'
    return f"nullif(trim(json_extract_string({place}, {_literal(path)}), {_BLANKS}), '')"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
