"""Tables as people read them: translated headers, aligned numbers, local times."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app_streamlit.ui import formats, freshness
from app_streamlit.ui.context import PageContext

_ROW_PIXELS = 36
Kind = Literal["text", "long", "count", "number", "money", "rate", "date", "time"]


@dataclass(frozen=True)
class Column:
    """One column of a table: where it comes from and how it is shown.

    Attributes:
        name: column of the frame.
        kind: how its values are drawn.
        label: word of the catalogue for its header; its name when empty.
        words: makes the text that is shown of a value.
        header: the header itself, for columns that are named by data.
    """

    name: str
    kind: Kind = "text"
    label: str = ""
    words: Callable[[Any], str] | None = None
    header: str = ""


def label_of(column: Column, context: PageContext) -> str:
    """The translated header of a column."""
    return column.header or context.t(f"columns.{column.label or column.name}")


def readable_frame(
    frame: pd.DataFrame, columns: Sequence[Column], context: PageContext
) -> pd.DataFrame:
    """The chosen columns with translated headers and values in the reader's words.

    Columns that are hidden from the viewer are left out.
    """
    shown = pd.DataFrame(index=frame.index)
    for column in visible(columns, context):
        values = frame[column.name]
        header = label_of(column, context)
        if column.words is not None:
            shown[header] = _in_words(values, column.words)
        elif column.kind == "time":
            shown[header] = [
                moment.replace(tzinfo=None)
                if (moment := formats.local(value, context.zone)) is not None
                else None
                for value in values
            ]
        else:
            shown[header] = values
    return shown


def _in_words(values: pd.Series, words: Callable[[Any], str]) -> list[str]:
    """Each value in words; what stands in many rows is put into words once."""
    said: dict[Any, str] = {}
    shown = []
    for value, is_missing in zip(values, values.isna(), strict=True):
        if not is_missing and value not in said:
            said[value] = words(value)
        shown.append(formats.EMPTY if is_missing else said[value])
    return shown


def visible(columns: Sequence[Column], context: PageContext) -> list[Column]:
    """The columns that are not hidden from the viewer."""
    return [one for one in columns if not context.viewer.sight.hides(one.name)]


def show_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    context: PageContext,
    *,
    key: str,
    describe: str,
    height: int | Literal["auto"] = "auto",
    tints: Mapping[str, Sequence[str]] | None = None,
    is_published: bool = True,
) -> None:
    """Draw a table.

    Args:
        frame: its rows.
        columns: what is shown of them.
        context: language and zone.
        key: of the widget.
        describe: says what it holds to people who can't see it.
        height: pixels at most.
        tints: background colours of cells by column name; the cell says the same in words.
        is_published: whether the rows are of the publication, and so as of a time; what people
            decided is as it stands now.
    """
    shown = readable_frame(frame, columns, context)
    drawn = visible(columns, context)
    for column in drawn:
        if column.kind in ("money", "rate", "count", "number") and column.words is None:
            header = label_of(column, context)
            # Only what is drawn: the browser's grid takes numbers, not decimals.
            numbers = pd.to_numeric(shown[header], errors="coerce")
            shown[header] = numbers * 100 if column.kind == "rate" else numbers
    with freshness.block(key) if is_published else nullcontext():
        st.dataframe(
            _tinted(shown, drawn, tints, context) if tints else shown,
            hide_index=True,
            key=key,
            height="auto" if height == "auto" or _needs(shown) < height else height,
            placeholder=formats.EMPTY,
            width="stretch",
            alt=describe,
            column_config={label_of(c, context): _config(c) for c in drawn},
        )


def _tinted(
    shown: pd.DataFrame,
    columns: Sequence[Column],
    tints: Mapping[str, Sequence[str]],
    context: PageContext,
) -> Styler:
    headers = {column.name: label_of(column, context) for column in columns}
    colours = pd.DataFrame("", index=shown.index, columns=shown.columns)
    for name, values in tints.items():
        if name in headers:  # else it is hidden from the viewer
            colours[headers[name]] = [f"background-color: {v}" if v else "" for v in values]
    return shown.style.apply(lambda _: colours, axis=None)


def _needs(shown: pd.DataFrame) -> int:
    """Height of all rows and the header in pixels, so that a short table has no empty rows."""
    return (len(shown) + 1) * _ROW_PIXELS


def _config(column: Column) -> Any:
    kinds = st.column_config
    if column.words is not None:
        return kinds.TextColumn(width="large" if column.kind == "long" else None)
    configs: dict[Kind, Any] = {
        "text": kinds.TextColumn(),
        "long": kinds.TextColumn(width="large"),
        "count": kinds.NumberColumn(format="localized"),
        "number": kinds.NumberColumn(format="%.2f"),
        "money": kinds.NumberColumn(format="accounting"),
        "rate": kinds.NumberColumn(format="%.1f%%"),
        "date": kinds.DateColumn(format="YYYY-MM-DD"),
        "time": kinds.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    }
    return configs[column.kind]


def csv_of(frame: pd.DataFrame, columns: Sequence[Column], context: PageContext) -> bytes:
    """The same columns as a file that spreadsheets open with Chinese intact."""
    text: str = readable_frame(frame, columns, context).to_csv(index=False)
    return text.encode("utf-8-sig")
