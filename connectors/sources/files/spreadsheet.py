"""XLSX: cells become the text that was meant, as far as a spreadsheet still knows it.

A spreadsheet keeps 15 digits of a number. An order number typed as a number has lost the rest, so
it comes out in scientific notation, which staging refuses; better no order than a wrong one.
"""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from python_calamine import CalamineWorkbook, WorksheetNotFound

from connectors.errors import InputError
from connectors.sources.files.records import (
    check_headers,
    column_names,
    is_heading,
    no_heading,
    payload_records,
    readable_headers,
)
from connectors.sources.mapping import DeclaredEntity

_ROWS_A_BATCH = 20_000
_FIRST_INEXACT_WHOLE = 10**15


def read_spreadsheet(
    path: Path, entity: DeclaredEntity, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    """Records of one sheet (see `records.RECORD_SCHEMA`); rows without any value don't count.

    The first row with a value is the header, or with a preamble the first row with all needed
    headers. The sheet is held in memory while it is read.

    Raises:
        InputError: the sheet is missing or empty, or its headers can't be used.
    """
    rows = _rows_with_values(path, entity)
    if entity.mapping.preamble:
        header_row = next((row for row in rows if is_heading(row, entity)), None)
    else:
        header_row = next(rows, None)
    if header_row is None and entity.mapping.preamble:
        raise InputError(no_heading(entity, path))
    if header_row is None:
        raise InputError(f"The sheet of {path.name} is empty; export it again.")
    headers = readable_headers(header_row, path)
    check_headers(headers, entity, path)
    schema = pa.schema([(name, pa.string()) for name in column_names(len(headers))])
    first = 1
    while rows_now := list(itertools.islice(rows, _ROWS_A_BATCH)):
        columns = [pa.array(values, pa.string()) for values in zip(*rows_now, strict=True)]
        numbers = pa.array(range(first, first + len(rows_now)), pa.int64())
        first += len(rows_now)
        yield payload_records(connection, headers, pa.table(columns, schema=schema), numbers)


def _rows_with_values(path: Path, entity: DeclaredEntity) -> Iterator[list[str | None]]:
    with CalamineWorkbook.from_path(str(path)) as workbook:
        wanted = entity.mapping.sheet
        if not workbook.sheet_names:
            raise InputError(f"{path.name} has no sheet; export it again.")
        try:
            sheet = workbook.get_sheet_by_name(wanted or workbook.sheet_names[0])
        except WorksheetNotFound as error:
            raise InputError(
                f"{path.name} has no sheet {wanted!r} (it has "
                f"{', '.join(map(repr, workbook.sheet_names))}); correct the file or `sheet` of "
                f"{entity.name} in {entity.declared_in.name}."
            ) from error
        yield from _texts(sheet.iter_rows())


def _texts(rows: Iterable[list[Any]]) -> Iterator[list[str | None]]:
    for row in rows:
        texts = [cell_text(value) for value in row]
        if any(text is not None for text in texts):
            yield texts


def cell_text(value: Any) -> str | None:
    """The text of one cell; None for a blank one.

    Whole numbers have no decimals, dates are ISO, and whole numbers of more than 15 digits (which
    a spreadsheet can't hold exactly) are in scientific notation.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="microseconds" if value.microsecond else "seconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return None if value is None else str(value)


def _number_text(value: float) -> str:
    if abs(value) >= _FIRST_INEXACT_WHOLE:
        return f"{value:.14E}"
    if value == int(value):
        return str(int(value))
    return f"{Decimal(f'{value:.15g}'):f}"
