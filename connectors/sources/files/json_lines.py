"""JSON lines: one object a line, kept as it is; every number keeps the digits it was written with.

Lines that DuckDB gives back exactly go through unchanged, set-based. Those with a number that it
would rewrite (long, exponent, trailing zeros) or with something odd are parsed one by one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pyarrow as pa

from connectors.sources.files.records import (
    RECORD_SCHEMA,
    UnreadableRecord,
    check_headers,
    unreadable_records,
)
from connectors.sources.files.text import choose_encoding, is_damaged, line_blocks, without_damage
from connectors.sources.mapping import DeclaredEntity

_REWRITTEN = (
    r"[0-9][0-9.]{14,}"  # more digits than a binary floating-point number keeps
    r"|[0-9][eE][+-]?[0-9]"
    r"|[0-9][.][0-9]+0(?:[^0-9]|$)"
    r"|-0(?:[^.0-9]|$)"
    r"|[:,\[]\s*[-+]?(?i:nan|inf)"  # DuckDB reads these two lines' content, JSON doesn't allow it
    r"|,\s*[}\]]"
)
_SORT_LINES = """
    with lines as (
        select
            record_number,
            line,
            case
                when json_valid(line) and json_type(line) = 'OBJECT'
                    and not regexp_matches(line, $rewritten)
                    then json_keys(line)
            end as keys
        from chunk
    )
    select
        record_number,
        line,
        keys is not null and len(list_distinct(list_transform(keys, lambda k: trim(k)))) = len(keys)
            and len(list_filter(keys, lambda k: trim(k) != k)) = 0 as is_plain,
        keys
    from lines
"""


def read_json_lines(
    path: Path, entity: DeclaredEntity, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    """Records of a JSON-lines file (see `records.RECORD_SCHEMA`); blank lines don't count.

    Raises:
        InputError: the encoding can't be used, or no line has a column that the mapping needs.
    """
    found: dict[str, None] = {}
    has_records = False
    number = 1
    for lines in line_blocks(path, choose_encoding(path, entity)):
        texts = [text for line in lines if (text := line.strip().removeprefix("\ufeff"))]
        damaged = [n for n, text in enumerate(texts, start=number) if is_damaged(text)]
        numbers = range(number, number + len(texts))
        number += len(texts)
        readable, unreadable = _records(connection, numbers, texts, set(damaged), found)
        has_records = has_records or readable.num_rows > 0
        if readable.num_rows:
            yield readable
        if unreadable:
            yield unreadable_records(unreadable)
    if has_records:
        check_headers(found, entity, path)


def _records(
    connection: duckdb.DuckDBPyConnection,
    numbers: range,
    texts: list[str],
    damaged: set[int],
    found: dict[str, None],
) -> tuple[pa.Table, list[UnreadableRecord]]:
    unreadable = [
        UnreadableRecord(n, without_damage(text), "The line holds bytes that are not text.")
        for n, text in zip(numbers, texts, strict=True)
        if n in damaged
    ]
    whole = [(n, text) for n, text in zip(numbers, texts, strict=True) if n not in damaged]
    chunk = pa.table(
        {"record_number": [n for n, _ in whole], "line": [text for _, text in whole]},
        schema=pa.schema([("record_number", pa.int64()), ("line", pa.string())]),
    )
    connection.register("chunk", chunk)
    try:
        sorted_lines = connection.execute(_SORT_LINES, {"rewritten": _REWRITTEN}).to_arrow_table()
    finally:
        connection.unregister("chunk")
    is_plain = sorted_lines["is_plain"]
    plain = sorted_lines.filter(is_plain)
    for keys in plain["keys"].combine_chunks().flatten().unique().to_pylist():
        found[keys] = None
    rewritten: list[tuple[int, str]] = []
    odd = sorted_lines.filter(pa.compute.invert(is_plain))
    for row in odd.select(["record_number", "line"]).to_pylist():
        try:
            payload = _exact_object(row["line"])
        except ValueError as error:
            reason = f"The line is not a JSON object that can be used: {error}."
            unreadable.append(UnreadableRecord(row["record_number"], row["line"], reason))
            continue
        found.update(dict.fromkeys(payload))
        rewritten.append((row["record_number"], json.dumps(payload, ensure_ascii=False)))
    readable = pa.concat_tables(
        [
            pa.table(
                [plain["record_number"], plain["line"], pa.nulls(plain.num_rows, pa.string())],
                schema=RECORD_SCHEMA,
            ),
            pa.table(
                [
                    [n for n, _ in rewritten],
                    [text for _, text in rewritten],
                    [None] * len(rewritten),
                ],
                schema=RECORD_SCHEMA,
            ),
        ]
    )
    return readable, sorted(unreadable, key=lambda record: record.number)


def _exact_object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(
            line,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once_each,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.colno}") from error
    if not isinstance(value, dict):
        raise ValueError("it holds another kind of value")  # noqa: TRY004 - one error class to catch
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair") from error
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = {key.strip(): value for key, value in pairs}
    if len(values) < len(pairs):
        raise ValueError("a name occurs twice in it")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
