"""Figures of metrics as files that say what they are: CSV for programs, XLSX for people.

Both carry the publication, the metrics' names and units; numbers stay numbers, amounts as exact
as the file can hold them (CSV: as computed; XLSX: 15 digits, as every spreadsheet).
"""

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from app_streamlit.queries.explore import Answer, command_of
from app_streamlit.queries.metrics import described
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.words import explore_words, metric_words
from orchestration.metrics.layer import CURRENCY_CODE

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a text for
_FORMATS = {"currency": "#,##0.00", "share": "0.0%", "seconds": "#,##0"}
_HEADER_ROW = 3


def csv_of(answer: Answer, context: PageContext) -> bytes:
    """One line a group, the publication in its last column; Chinese intact in spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*headers(answer, context), context.t("explore.file.as_of_publication")])
    for row in answer.rows:
        cells = [_group(row[name], name, context) for name in answer.groups]
        figures = ["" if row[name] is None else str(row[name]) for name in answer.metrics]
        writer.writerow([*cells, *figures, context.publication.publication_id])
    return text.getvalue().encode("utf-8-sig")


def workbook_of(answer: Answer, context: PageContext) -> bytes:
    """A sheet with the figures and one with what they are."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = context.t("explore.file.data")
    sheet.append([_as_of(context)])
    sheet.append([])
    sheet.append(headers(answer, context))
    for cell in sheet[_HEADER_ROW]:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    units = {name: _unit(name, context) for name in answer.metrics}
    for place, row in enumerate(answer.rows, start=_HEADER_ROW + 1):
        values = [_cell(row[name], name, context) for name in answer.groups]
        for column, value in enumerate([*values, *(row[name] for name in answer.metrics)], start=1):
            _write(sheet.cell(place, column), value)
        for column, name in enumerate(answer.metrics, start=len(answer.groups) + 1):
            sheet.cell(place, column).number_format = _FORMATS.get(units[name], "#,##0.##")
    width = len(answer.groups) + len(answer.metrics)
    last = get_column_letter(max(width, 1))
    sheet.freeze_panes = f"A{_HEADER_ROW + 1}"
    sheet.auto_filter.ref = f"A{_HEADER_ROW}:{last}{_HEADER_ROW + len(answer.rows)}"
    for column in range(1, width + 1):
        sheet.column_dimensions[get_column_letter(column)].width = 22
    _about(book.create_sheet(context.t("explore.file.about")), answer, context)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def headers(answer: Answer, context: PageContext) -> list[str]:
    """Dimensions in words; metrics in words with the name they are asked by and their unit."""
    t = context.t
    named = [
        t("columns.currency") if name == CURRENCY_CODE
        else explore_words.dimension_label(name, context)
        for name in answer.groups
    ]  # fmt: skip
    for name in answer.metrics:
        word = _unit(name, context)
        unit = t.known(f"metric_units.{word}", word)
        named.append(f"{metric_words.label(name, t, context.settings)} [{name}; {unit}]")
    return named


def file_name(answer: Answer, context: PageContext, ending: str) -> str:
    """`net_sales-by-channel-<publication>.csv`."""
    groups = [name for name in answer.groups if name != CURRENCY_CODE]
    by = f"-by-{'-'.join(groups)}" if groups else ""
    stem = f"{answer.metrics[0]}{by}"[:80]
    return f"{stem}-{context.publication.publication_id}.{ending}"


def _about(sheet: Any, answer: Answer, context: PageContext) -> None:
    t = context.t
    lines: list[Sequence[str]] = [
        (t("columns.publication"), context.publication.publication_id),
        (
            t("columns.published_at"),
            formats.time(context.publication.published_at, context.zone, t.language),
        ),
        (t("explore.file.command"), command_of(answer.asked, context.publication.publication_id)),
        (),
        tuple(
            t(f"columns.{word}")
            for word in (
                "metric_label", "metric_name", "metric_unit", "metric_owner", "metric_definition"
            )
        ),
    ]  # fmt: skip
    for name in answer.metrics:
        metric = described(name, context.settings)
        if metric is not None:
            lines.append(
                (
                    metric.label(t.language),
                    name,
                    t.known(f"metric_units.{metric.unit}", metric.unit),
                    t.known(f"owners.{metric.owner}", metric.owner.removeprefix("team:")),
                    metric.definition(t.language),
                )
            )
    for place, line in enumerate(lines, start=1):
        for column, value in enumerate(line, start=1):
            _write(sheet.cell(place, column), value)
    for letter, width in zip("ABCDE", (24, 30, 26, 22, 90), strict=True):
        sheet.column_dimensions[letter].width = width


def _as_of(context: PageContext) -> str:
    return context.t(
        "explore.file.as_of",
        publication=context.publication.publication_id,
        time=formats.time(context.publication.published_at, context.zone, context.language),
        zone=context.zone,
    )


def _unit(name: str, context: PageContext) -> str:
    metric = described(name, context.settings)
    return metric.unit if metric else ""


def _group(value: Any, name: str, context: PageContext) -> str:
    """A value of a dimension; one that a spreadsheet would run as a formula becomes a text."""
    text = str(_cell(value, name, context))
    return f"'{text}" if len(text) > 1 and text.startswith(_FORMULA) else text


def _cell(value: Any, name: str, context: PageContext) -> Any:
    if isinstance(value, date) or name == CURRENCY_CODE:
        return "" if value is None else value
    return explore_words.value_label(name, value, context)


def _write(cell: Any, value: Any) -> None:
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with
