"""What a person sees on a page under AppTest: every text, with the place that it stands in."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

# Names that are written to be typed: a command, a file, the name of a check or of a metric.
CODE = re.compile(r"```.*?```|`[^`]*`|:material/\w+:|%\{[^}]*\}", re.DOTALL)
SNAKE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")
_LABELLED = (
    "button", "checkbox", "color_picker", "date_input", "multiselect", "number_input", "radio",
    "selectbox", "select_slider", "slider", "text_area", "text_input", "time_input", "toggle",
    "button_group", "segmented_control", "pills",
)  # fmt: skip
_SPOKEN = ("title", "header", "subheader", "markdown", "caption", "text", "toast")
_ALERTS = ("error", "warning", "info", "success")
# What Plotly draws: keys of its description whose values are texts.
_DRAWN = frozenset({"text", "name", "title", "ticktext", "labels", "x", "y", "hovertemplate"})


def shown_texts(app: AppTest) -> Iterator[tuple[str, str]]:
    """Pairs of place and text, of everything on the page and in the sidebar."""
    for kind in (*_SPOKEN, *_ALERTS):
        for element in getattr(app, kind):
            yield kind, str(element.value or "")
    for kind in _LABELLED:
        for element in app.get(kind):
            yield f"{kind} label", str(getattr(element, "label", "") or "")
            yield f"{kind} help", str(getattr(element, "help", "") or "")
            for option in getattr(element, "options", None) or ():
                yield f"{kind} option", str(getattr(option, "content", option))
    for metric in app.metric:
        yield "tile", metric.label
        yield "tile value", metric.value
        yield "tile change", str(metric.delta or "")
        yield "tile help", str(getattr(metric, "help", "") or "")
    for kind in ("expander", "tab", "status"):
        yield from ((kind, element.label) for element in app.get(kind))
    for frame in app.dataframe:
        yield from _table_texts(frame.value)
    for chart in app.get("plotly_chart"):
        yield from _chart_texts(chart)
    for link in app.get("page_link"):
        yield "link", link.label


def _table_texts(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for column in frame.columns:
        yield "header", str(column)
        if not pd.api.types.is_numeric_dtype(frame[column]):
            yield from (
                (f"cell of {column}", value)
                for value in frame[column].unique()
                if isinstance(value, str)
            )


def _chart_texts(chart: Any) -> Iterator[tuple[str, str]]:
    spec = json.loads(chart.proto.spec)
    spec.get("layout", {}).pop("template", None)
    yield from _drawn_texts(spec)


def _drawn_texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _drawn_texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _drawn_texts(value, key)
    elif isinstance(node, str) and key in _DRAWN:
        yield f"chart {key}", node


def prose(text: str) -> str:
    """A text as it is read: escapes taken back; icons and what is written to be typed left out."""
    return CODE.sub("", text).replace("\\_", "_")
