"""Where each value of an order comes from: source, file or reading, record, and what it was before.

Asked of the records as they were staged, one order at a time: nothing is stored for it. Only what
the order's own source tells of it is followed; scans and bills of others name their own source.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from connectors.errors import InputError
from connectors.lake.reader import PublishedLake
from connectors.settings import Settings
from connectors.sources.mapping import DeclaredEntity, load_source

_ORDER_SQL: Final = (
    "select order_key, source, channel, order_no from fct_orders "
    "where order_key = $order or order_no = $order order by order_key limit 2"
)
_NUMBERS: Final = ("order_no", "order_id")
_RECORD: Final = ("source_id", "load_id", "file_name", "record_number", "received_at", "is_current")


@dataclass(frozen=True)
class Origin:
    """The record that first told a value.

    Attributes:
        source_id: the record in bronze.
        load_id: the load, or reading, that brought it.
        file_name: the file it stands in; None for what a platform answered or pushed.
        record_number: its place in the file or answer.
    """

    source_id: str
    load_id: str
    file_name: str | None
    record_number: int | None


@dataclass(frozen=True)
class EarlierValue:
    """A value that a newer record of its source replaced."""

    value: Any
    known_at: datetime
    replaced_at: datetime
    origin: Origin


@dataclass(frozen=True)
class FieldProvenance:
    """One field of one record of an order.

    Attributes:
        entity: of the source, such as `orders`.
        record_key: the record within its entity, such as the number of a line.
        field: name in the source's mapping.
        value: as it is now; None where the source empties it.
        known_at: when the lake received it first.
        origin: the record that told it first.
        is_current: whether the source still has the record.
        earlier: what it was before, the newest first.
    """

    entity: str
    record_key: str
    field: str
    value: Any
    known_at: datetime
    origin: Origin
    is_current: bool
    earlier: tuple[EarlierValue, ...]


@dataclass(frozen=True)
class OrderProvenance:
    """All fields of an order that its source told."""

    order_key: str
    source: str
    fields: tuple[FieldProvenance, ...]


def order_provenance(lake: PublishedLake, settings: Settings, order: str) -> OrderProvenance:
    """Follow every value of an order to its record.

    Args:
        lake: a publication, with its records.
        settings: whose dbt project describes the source.
        order: the order's key, or its number where only one order has it.

    Raises:
        InputError: there is no such order, or several have the number.
    """
    found = lake.rows(_ORDER_SQL, {"order": order.strip()})
    exact = [row for row in found if row["order_key"] == order.strip()] or found
    if len(exact) != 1:
        many = "Several orders have" if exact else "No published order has"
        raise InputError(f"{many} the number {order!r}; give its key, such as taobao:1234567890.")
    known, tables = exact[0], lake.columns()
    fields: list[FieldProvenance] = []
    for entity in load_source(settings, known["source"]).entities:
        table = f"int_{known['source']}__{entity.name}_classified"
        number = next((one for one in _NUMBERS if one in tables.get(table, ())), None)
        if number:
            fields += _fields(lake, table, entity, (number, known), tables[table])
    return OrderProvenance(known["order_key"], known["source"], tuple(fields))


def _fields(
    lake: PublishedLake,
    table: str,
    entity: DeclaredEntity,
    wanted: tuple[str, dict[str, Any]],
    present: frozenset[str],
) -> Iterator[FieldProvenance]:
    number, order = wanted
    names = [
        name
        for name, column in entity.mapping.columns.items()
        if name in present and column.type != "json"
    ]
    place = next((one for one in ("account", "channel") if one in present), None)
    in_place = f"and {place} = $channel" if place else ""
    # Some platforms count orders by shop: their order number is the shop's and the platform's.
    keyed = f"or account || '/' || {number} = $order_no" if "account" in present else ""
    version = f"{entity.version_by} nulls first," if entity.version_by in present else ""
    columns = dict.fromkeys((*_RECORD, *names))
    found = lake.rows(
        f"""
        select {", ".join(columns)}
        from {table}
        where disposition = 'used' and ({number} = $order_no {keyed}) {in_place}
        order by {version} received_at, load_id, file_name, record_number, source_id
        """,  # noqa: S608 - names of the mapping
        {"order_no": order["order_no"]} | ({"channel": order["channel"]} if place else {}),
    )
    key = [name for name in entity.mapping.record_key if name in columns]
    own = [name for name in key if name not in (number, "account", "channel")]

    # What names the record is told once, in front of its fields.
    shown = [name for name in names if not own or name not in key]

    def key_of(record: dict[str, Any]) -> tuple[str, ...]:
        # Without a key, every record is one of its own.
        return tuple(str(record[name]) for name in key) or (str(record["source_id"]),)

    for _, group in groupby(sorted(found, key=key_of), key=key_of):
        versions = list(group)
        label = "/".join(str(versions[-1][name]) for name in own)
        for name in shown:
            yield _field(entity.name, label, name, versions)


def _field(
    entity: str, label: str, name: str, versions: Sequence[dict[str, Any]]
) -> FieldProvenance:
    """The runs of equal values, oldest first by the source's clock; the last is what it is now.

    Of a run the record counts that was received first: it is the one that told the value.
    """
    runs = [list(run) for _, run in groupby(versions, key=lambda record: record[name])]
    told = [min(run, key=lambda record: record["received_at"]) for run in runs]
    return FieldProvenance(
        entity=entity,
        record_key=label,
        field=name,
        value=told[-1][name],
        known_at=told[-1]["received_at"],
        origin=_origin(told[-1]),
        is_current=any(record["is_current"] for record in versions),
        earlier=tuple(
            EarlierValue(
                value=record[name],
                known_at=record["received_at"],
                replaced_at=min(later["received_at"] for run in runs[place + 1 :] for later in run),
                origin=_origin(record),
            )
            for place, record in reversed(list(enumerate(told[:-1])))
        ),
    )


def _origin(record: dict[str, Any]) -> Origin:
    return Origin(
        source_id=record["source_id"],
        load_id=record["load_id"],
        file_name=record["file_name"],
        record_number=record["record_number"],
    )
