"""A report as a mail: HTML for people, text for whoever reads no HTML, files for spreadsheets.

The HTML has no picture, script or address to fetch: bars are drawn by cells, so that a mail program
that blocks pictures shows all of it.
"""

import base64
import csv
import html
import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from connectors.database.report_subscriptions import Attached
from connectors.sinks.email import Attachment, Mail
from orchestration.reports.contents import Report, Section
from orchestration.reports.words import Words

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_SHOWN = 40
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a text for
_NOT_IN_A_NAME = str.maketrans(dict.fromkeys('[]:*?/\\<>|"\r\n', " "))
_HEADER_ROW = 4
_LONGEST_SHEET = 31
_LONGEST_NAME = 60
_TEXT = "color:#1f2937;font:15px/1.5 -apple-system,'Segoe UI','PingFang SC',Arial,sans-serif"
_MUTED = "color:#5b6472;font-size:13px"
_CELL = "padding:6px 5px;border-bottom:1px solid #e5e7eb;vertical-align:top"


def mail_of(
    report: Report, *, to: str, words: Words, attachment: Attached, unsubscribe_url: str
) -> Mail:
    """The mail that is sent."""
    return Mail(
        email=to,
        subject=report.subject,
        text=_text(report, words, unsubscribe_url),
        html=_html(report, words, unsubscribe_url),
        unsubscribe_url=unsubscribe_url,
        attachments=[*_files(report, attachment)],
    )


def _text(report: Report, words: Words, unsubscribe_url: str) -> str:
    lines = []
    for section in report.sections:
        lines += [section.title, section.sentence, *section.notes]
        for row in section.rows[:ROWS_SHOWN]:
            pairs = zip(section.headers[1:], row[1:], strict=True)
            lines.append(f"- {row[0]}: " + ", ".join(f"{name} {cell}" for name, cell in pairs))
        lines += [*_more(section, words), ""]
    return "\n".join([*lines, report.as_of, f"{words('unsubscribe')}: {unsubscribe_url}", ""])


def _html(report: Report, words: Words, unsubscribe_url: str) -> str:
    body = "".join(_section(section, words) for section in report.sections)
    return (
        f"<!doctype html><html lang='{words.language}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light'>"
        f"<title>{_safe(report.subject)}</title></head>"
        "<body style='margin:0;background:#f3f4f6'>"
        "<table role='presentation' width='100%' cellpadding='0' cellspacing='0'><tr>"
        "<td align='center' style='padding:16px 8px'>"
        "<table role='presentation' width='100%' cellpadding='0' cellspacing='0' "
        "style='max-width:680px;background:#fff;border-radius:8px'><tr>"
        f"<td style='padding:20px 18px;{_TEXT}'>"
        f"<h1 style='font-size:20px;margin:0 0 4px'>{_safe(report.subject)}</h1>"
        f"<p style='margin:0 0 16px;{_MUTED}'>{_safe(report.as_of)}</p>{body}"
        f"<p style='margin:24px 0 0;{_MUTED}'>{_safe(words('why'))} "
        f"<a href='{_safe(unsubscribe_url)}' style='color:#1d4ed8'>"
        f"{_safe(words('unsubscribe'))}</a></p></td></tr></table></td></tr></table></body></html>"
    )


def _section(section: Section, words: Words) -> str:
    notes = "".join(
        f"<p style='margin:6px 0 0;{_MUTED}'>{_safe(one)}</p>"
        for one in (*section.notes, *_more(section, words))
    )
    return (
        f"<h2 style='font-size:16px;margin:20px 0 4px'>{_safe(section.title)}</h2>"
        f"<p style='margin:0 0 8px'>{_safe(section.sentence)}</p>{_table(section)}{notes}"
    )


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = "".join(
        f"<th scope='col' align='{_side(section, place)}' style='{_CELL};{_MUTED}'>"
        f"{_safe(name)}</th>"
        for place, name in enumerate(section.headers)
    )
    rows = "".join(
        f"<tr>{''.join(_cells(section, place))}</tr>"
        for place in range(min(len(section.rows), ROWS_SHOWN))
    )
    return (
        "<table width='100%' cellpadding='0' cellspacing='0' style='border-collapse:collapse;"
        f"font-size:14px'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cells(section: Section, place: int) -> Iterator[str]:
    for column, text in enumerate(section.rows[place]):
        bar = ""
        if section.bars and column == section.text_columns:
            width = max(round(section.bars[place] * 100), 1)
            bar = (
                "<div style='background:#e5edfb;margin-top:3px'><div style='height:5px;"
                f"background:#2563eb;width:{width}%'></div></div>"
            )
        figure = "" if column < section.text_columns else ";white-space:nowrap"
        yield (
            f"<td align='{_side(section, column)}' style='{_CELL}{figure}'>{_safe(text)}{bar}</td>"
        )


def _side(section: Section, column: int) -> str:
    return "left" if column < section.text_columns else "right"


def _more(section: Section, words: Words) -> list[str]:
    left = len(section.rows) - ROWS_SHOWN
    return [words("more", n=left, count=f"{left:,}")] if left > 0 else []


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _files(report: Report, wanted: Attached) -> Iterator[Attachment]:
    """One CSV a table, or one workbook with a sheet a table."""
    tables = [section for section in report.sections if section.rows]
    stamp = report.publication_id
    if wanted == "csv":
        for number, section in enumerate(tables, start=1):
            name = f"{number}-{_plain(section.title)[:_LONGEST_NAME].strip()}-{stamp}.csv"
            yield _attachment(name, "text/csv", _csv(section, report))
    elif wanted == "xlsx" and tables:
        name = f"{_plain(report.subject)[:_LONGEST_NAME].strip()}-{stamp}.xlsx"
        yield _attachment(name, XLSX_TYPE, _workbook(tables, report))


def _attachment(name: str, media_type: str, content: bytes) -> Attachment:
    return Attachment(
        name=name, media_type=media_type, base64=base64.b64encode(content).decode("ascii")
    )


def _csv(section: Section, report: Report) -> bytes:
    """One line a row, the publication last; Chinese intact in spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_file_headers(section), report.as_of])
    for row in section.values:
        writer.writerow([*(_written(value) for value in row), report.publication_id])
    return text.getvalue().encode("utf-8-sig")


def _workbook(tables: list[Section], report: Report) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for number, section in enumerate(tables, start=1):
        sheet: Any = book.create_sheet(f"{number} {_plain(section.title)}"[:_LONGEST_SHEET].strip())
        lines = ((section.title,), (report.as_of,), (), _file_headers(section), *section.values)
        for place, line in enumerate(lines, start=1):
            for column, value in enumerate(line, start=1):
                cell = sheet.cell(place, column)
                cell.value = float(value) if isinstance(value, Decimal) else value
                if isinstance(value, str):
                    cell.data_type = "s"  # never a formula, whatever it begins with
        for cell in sheet[_HEADER_ROW]:
            cell.font = Font(bold=True)
        for column in range(1, len(section.headers) + 1):
            sheet.column_dimensions[get_column_letter(column)].width = 24
        sheet.freeze_panes = f"A{_HEADER_ROW + 1}"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _file_headers(section: Section) -> tuple[str, ...]:
    return section.file_headers or section.headers


def _written(value: Any) -> str:
    """A value as CSV; a text that a spreadsheet would run as a formula becomes a text."""
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    is_text = isinstance(value, str) and len(text) > 1
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def _plain(title: str) -> str:
    """A title that a file and a sheet can be called."""
    return title.translate(_NOT_IN_A_NAME)
