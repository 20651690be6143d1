"""Records as the readers hand them on: a number, a payload of raw texts, or why it can't be read.

Payloads are built set-based in DuckDB; only records that could not be split go through Python.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.errors import InputError
from connectors.sources.mapping import DeclaredEntity

RECORD_SCHEMA = pa.schema(
    [
        pa.field("record_number", pa.int64()),
        pa.field("payload", pa.string()),
        pa.field("read_error", pa.string()),
    ]
)

# Above this a binary floating-point number no longer tells neighbouring whole numbers apart.
_LAST_EXACT_WHOLE = 2**53


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that the reader could not split into values."""

    number: int
    text: str
    reason: str


def column_names(count: int) -> list[str]:
    """Safe names for `count` columns while they are on their way to a payload."""
    return [f"c{index}" for index in range(count)]


def readable_headers(raw: Sequence[str | None], path: Path) -> list[str]:
    """The headers trimmed; columns without one are called `(column 8)`.

    Raises:
        InputError: two columns have the same header, so their values can't be told apart.
    """
    headers = [
        (header or "").strip("\ufeff").strip() or f"(column {position})"
        for position, header in enumerate(raw, start=1)
    ]
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise InputError(
            f"{path.name} has more than one column called {', '.join(map(repr, twice))}; "
            "rename or remove the extra ones and offer the file again."
        )
    return headers


def check_headers(headers: Iterable[str], entity: DeclaredEntity, path: Path) -> None:
    """Refuse a file that lacks a column which the mapping needs.

    Raises:
        InputError: names the missing headers and those that were found.
    """
    found = list(headers)
    missing = [header for header in entity.needed_headers() if header not in found]
    if missing:
        raise InputError(
            f"{path.name} has no column {', '.join(map(repr, missing))} (found: "
            f"{', '.join(map(repr, found[:30]))}); correct the file's headers or the mapping in "
            f"{entity.declared_in.name}."
        )


def is_heading(cells: Iterable[str | None], entity: DeclaredEntity) -> bool:
    """Whether a line has all headers that the mapping needs."""
    found = {(cell or "").strip("\ufeff").strip() for cell in cells}
    return found.issuperset(entity.needed_headers())


def no_heading(entity: DeclaredEntity, path: Path) -> str:
    """What a person is told whose file has no heading below its preamble."""
    return (
        f"{path.name} has no line with the columns "
        f"{', '.join(map(repr, entity.needed_headers()))}; offer another file or correct the "
        f"mapping in {entity.declared_in.name}."
    )


def payload_records(
    connection: duckdb.DuckDBPyConnection,
    headers: Sequence[str],
    values: pa.Table,
    numbers: pa.Array,
) -> pa.Table:
    """Records whose payload is one JSON object, headers -> raw text; nested values as JSON.

    Args:
        connection: any DuckDB connection; nothing is left behind in it.
        headers: names in the payload, one a column.
        values: the columns in the same order, of any type.
        numbers: the record numbers, one a row.
    """
    names = column_names(len(headers))
    chunk = values.rename_columns(names).append_column("record_number", numbers)
    pairs = ", ".join(
        f"{_literal(header)}, {_text_expression(name, field.type)}"
        for header, name, field in zip(headers, names, values.schema, strict=True)
    )
    # The names are our own and the headers are quoted literals.
    statement = (
        f"select record_number, cast(json_object({pairs}) as varchar) as payload, "  # noqa: S608
        "cast(null as varchar) as read_error from chunk"
    )
    connection.register("chunk", chunk)
    try:
        return connection.execute(statement).to_arrow_table().cast(RECORD_SCHEMA)
    finally:
        connection.unregister("chunk")


def unreadable_records(records: Sequence[UnreadableRecord]) -> pa.Table:
    """Records whose payload is `{"raw": <text>}` and whose read_error says why."""
    return pa.table(
        {
            "record_number": [record.number for record in records],
            "payload": [json.dumps({"raw": record.text}, ensure_ascii=False) for record in records],
            "read_error": [record.reason for record in records],
        },
        schema=RECORD_SCHEMA,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text_type(kind: pa.DataType) -> str:
    """The type of a nested value with texts for its numbers: JSON's own would lose digits."""
    if pa.types.is_struct(kind):
        names = [kind.field(position) for position in range(kind.num_fields)]
        members = (f'"{n.name.replace(chr(34), 2 * chr(34))}" {_text_type(n.type)}' for n in names)
        return f"struct({', '.join(members)})"
    if pa.types.is_map(kind):
        return f"map(varchar, {_text_type(kind.item_type)})"
    if pa.types.is_nested(kind):
        return f"{_text_type(kind.value_type)}[]"
    return "boolean" if pa.types.is_boolean(kind) else "varchar"


def _text_expression(name: str, kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return name
    if pa.types.is_floating(kind):
        # Digits beyond 2^53 are invented: scientific notation lets staging refuse such an id.
        return (
            f"case when abs({name}) >= {_LAST_EXACT_WHOLE} "
            f"then format('{{:.15E}}', cast({name} as double)) else cast({name} as varchar) end"
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"coalesce(try(decode({name})), cast({name} as varchar))"
    if pa.types.is_nested(kind):
        return f"to_json(cast({name} as {_text_type(kind)}))"
    return f"cast({name} as varchar)"
