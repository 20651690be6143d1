"""CSV and its relatives: records framed line by line, then split set-based.

Framing decides where a record ends. It exists because one forgotten quote would otherwise
swallow every following record into a single value without an error: here that one line is
unreadable and the next lines are read as they stand. Quoted values may hold line breaks.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv

from connectors.errors import InputError
from connectors.sources.files.records import (
    UnreadableRecord,
    check_headers,
    column_names,
    is_heading,
    no_heading,
    payload_records,
    readable_headers,
    unreadable_records,
)
from connectors.sources.files.text import (
    choose_encoding,
    is_damaged,
    line_blocks,
    without_damage,
)
from connectors.sources.mapping import DeclaredEntity

# A quoted value longer than this is taken for a forgotten quote.
_MOST_LINES_A_RECORD = 1_000
_BLANK = frozenset({"", "\n", "\r\n", "\r"})
_NEVER_CLOSED = "A quote is opened in this line and never closed properly."
_AFTER_QUOTE = "There is text after a closing quote in this line."
_DAMAGED = "The line holds bytes that are not text in the file's encoding."


@dataclass
class FramedRecords:
    """Complete records in file order with their numbers, and those that can't be framed."""

    texts: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    unreadable: list[UnreadableRecord] = field(default_factory=list)


class RecordFramer:
    """Turns blocks of lines into records; remembers a quote that is open at a block's end."""

    def __init__(self, delimiter: str, *, has_damage: bool = False, first_number: int = 1) -> None:
        mark = re.escape(delimiter)
        text_in_quotes = r'(?:[^"]++|"")*+'
        # Back offices write `"123"<tab>,` so that a spreadsheet keeps the digits.
        blanks = "[ ]*+" if delimiter == "\t" else "[ \t]*+"
        end_of_value = rf"(?=[{mark}\r\n]|\Z)"
        value = (
            rf'(?:"{text_in_quotes}"{blanks}{end_of_value}'
            rf'|[^"{mark}\r\n][^{mark}\r\n]*+|{end_of_value})'
        )
        rest = rf"(?:{mark}{value})*+[\r\n]*+\Z"
        opening = rf'(?:{value}{mark})*+"{text_in_quotes}\Z'
        self._complete = re.compile(value + rest)
        self._opens = re.compile(opening)
        self._closes = re.compile(rf'{text_in_quotes}"{blanks}{end_of_value}{rest}')
        self._stays_open = re.compile(rf'{text_in_quotes}(?:\Z|"{blanks}{mark}{opening})')
        self._has_damage = has_damage
        self._held: list[str] = []
        self._next = first_number

    def feed(self, lines: list[str], *, is_last: bool = False) -> FramedRecords:
        """The records that are complete now."""
        framed = FramedRecords()
        if not self._held and not self._has_damage and not any('"' in line for line in lines):
            framed.texts = [line for line in lines if line not in _BLANK]
            framed.numbers = list(range(self._next, self._next + len(framed.texts)))
            self._next += len(framed.texts)
            return framed
        lines, self._held = self._held + lines, []
        position = 0
        while position < len(lines):
            line = lines[position]
            if self._has_damage and is_damaged(line):
                self._give_up(framed, line, _DAMAGED)
            elif '"' not in line or self._complete.match(line):
                if line not in _BLANK:
                    self._keep(framed, line)
            elif not self._opens.match(line):
                self._give_up(framed, line, _AFTER_QUOTE)
            else:
                end = self._end_of_record(lines, position)
                if end is None and not is_last:
                    self._held = lines[position:]
                    break
                if end is not None and end > position:
                    self._keep(framed, "".join(lines[position : end + 1]))
                    position = end
                else:
                    self._give_up(framed, line, _NEVER_CLOSED)
            position += 1
        return framed

    def _end_of_record(self, lines: list[str], start: int) -> int | None:
        """Index of the line that closes the quote; `start` if none does; None: not known yet."""
        for index in range(start + 1, min(len(lines), start + _MOST_LINES_A_RECORD)):
            line = lines[index]
            if self._has_damage and is_damaged(line):
                return start
            if '"' not in line or self._stays_open.match(line):
                continue
            return index if self._closes.match(line) else start
        return None if len(lines) < start + _MOST_LINES_A_RECORD else start

    def _keep(self, framed: FramedRecords, text: str) -> None:
        framed.texts.append(text)
        framed.numbers.append(self._next)
        self._next += 1

    def _give_up(self, framed: FramedRecords, line: str, reason: str) -> None:
        framed.unreadable.append(UnreadableRecord(self._next, without_damage(line), reason))
        self._next += 1


def read_delimited(
    path: Path, entity: DeclaredEntity, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    """Records of a delimited text file (see `records.RECORD_SCHEMA`).

    Raises:
        InputError: the encoding or the headers can't be used.
    """
    encoding = choose_encoding(path, entity)
    delimiter = entity.mapping.delimiter
    # The header is record 0, so that data records count from 1.
    framer = RecordFramer(delimiter, has_damage=encoding.has_damage, first_number=0)
    headers: list[str] | None = None
    blocks = _table_lines(line_blocks(path, encoding), entity, path)
    for framed in _framed_blocks(framer, blocks):
        if headers is None:
            headers = _take_headers(framed, delimiter, path)
            if headers is None:
                continue
            if entity.mapping.trailing_delimiter:
                headers = readable_headers([*headers, None], path)
            check_headers(headers, entity, path)
        yield from _split(framed, headers, entity, path, connection)
    if headers is None:
        raise InputError(f"{path.name} holds nothing but blank lines; export it again.")


def _table_lines(
    blocks: Iterable[list[str]], entity: DeclaredEntity, path: Path
) -> Iterator[list[str]]:
    """The lines from the heading on, without comments."""
    mapping = entity.mapping
    is_above = mapping.preamble
    for block in blocks:
        lines = block
        if mapping.comment:
            lines = [line for line in lines if not line.startswith(mapping.comment)]
        if is_above:
            found = [n for n, line in enumerate(lines) if _is_heading(line, entity)]
            if not found:
                raise InputError(no_heading(entity, path))
            is_above, lines = False, lines[found[0] :]
        yield lines


def _is_heading(line: str, entity: DeclaredEntity) -> bool:
    cells = next(csv.reader([line], delimiter=entity.mapping.delimiter), [])
    return is_heading(cells, entity)


def _framed_blocks(framer: RecordFramer, blocks: Iterable[list[str]]) -> Iterator[FramedRecords]:
    for lines in blocks:
        yield framer.feed(lines)
    yield framer.feed([], is_last=True)


def _take_headers(framed: FramedRecords, delimiter: str, path: Path) -> list[str] | None:
    if framed.unreadable and framed.unreadable[0].number == 0:
        raise InputError(
            f"The header line of {path.name} can't be read "
            f"({framed.unreadable[0].reason.rstrip('.').lower()}); correct it and offer the file "
            "again."
        )
    if not framed.texts:
        return None
    header_record = framed.texts.pop(0)
    framed.numbers.pop(0)
    return readable_headers(next(csv.reader([header_record], delimiter=delimiter)), path)


def _split(
    framed: FramedRecords,
    headers: Sequence[str],
    entity: DeclaredEntity,
    path: Path,
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[pa.Table]:
    unreadable = list(framed.unreadable)
    if framed.texts:
        values, ragged = _values(framed.texts, len(headers), entity.mapping.delimiter)
        for index, reason in ragged.items():
            text = framed.texts[index].rstrip("\r\n")
            unreadable.append(UnreadableRecord(framed.numbers[index], text, reason))
        numbers = [n for index, n in enumerate(framed.numbers) if index not in ragged]
        if values.num_rows != len(numbers):
            raise InputError(
                f"The records of {path.name} do not end where its lines do; check its quotes and "
                "offer it again."
            )
        if numbers:
            yield payload_records(connection, headers, values, pa.array(numbers, pa.int64()))
    if unreadable:
        yield unreadable_records(sorted(unreadable, key=lambda record: record.number))


def _values(texts: list[str], width: int, delimiter: str) -> tuple[pa.Table, dict[int, str]]:
    """The records split into `width` text columns; by index, why the others don't fit."""
    ragged: dict[int, str] = {}

    def note(row: pa_csv.InvalidRow) -> str:
        ragged[row.number - 1] = (
            f"The record has {row.actual_columns} values but the header has {row.expected_columns}."
        )
        return "skip"

    data = "".join(texts).encode("utf-8")
    names = column_names(width)
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=names
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    return table, ragged
