"""Figures of any metric: lines over time, bars, and a grid of two dimensions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import HEAT, SERIES, series_colour
from app_streamlit.charts.trend import even_ticks

MOST_SERIES = len(SERIES)
MOST_BARS = 25
_ROW_HEIGHT = 30


@dataclass(frozen=True)
class Point:
    """One figure: the period it belongs to (None without time), its group, its value and text."""

    period: date | None
    group: str
    value: float
    text: str


def line_chart(points: Sequence[Point], *, value_label: Callable[[float], str]) -> go.Figure:
    """One line a group over time; the groups with the largest figures, as many as have a colour."""
    figure = go.Figure()
    for position, group in enumerate(largest(points, MOST_SERIES)):
        own = sorted(
            (point for point in points if point.group == group and point.period is not None),
            key=lambda point: point.period or date.min,
        )
        figure.add_trace(
            go.Scatter(
                x=[point.period for point in own],
                y=[point.value for point in own],
                name=group,
                mode="lines+markers" if len(own) < 15 else "lines",
                line={"color": series_colour(position), "width": 2},
                customdata=[point.text for point in own],
                hovertemplate="%{customdata}",
                showlegend=bool(group),
            )
        )
    return calm(
        figure,
        height=320,
        hovermode="x unified",
        xaxis={"showgrid": False, "hoverformat": "%Y-%m-%d", "tickformat": "%m-%d", "nticks": 8},
        yaxis={**_axis(points, value_label), "automargin": True},
    )


def bar_chart(points: Sequence[Point]) -> go.Figure:
    """One bar a group, the largest first; in the order of time where there is time."""
    if any(point.period is not None for point in points):
        shown = sorted(points, key=lambda p: p.period or date.min)[-MOST_BARS:]
    else:
        shown = sorted(points, key=lambda point: -point.value)[:MOST_BARS]
    figure = go.Figure(
        go.Bar(
            y=[point.group for point in shown],
            x=[point.value for point in shown],
            text=[point.text for point in shown],
            orientation="h",
            marker={"color": SERIES[0]},
            textposition="auto",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return calm(
        figure,
        height=70 + _ROW_HEIGHT * len({point.group for point in shown}),
        xaxis={"visible": False},
    )


def heat_grid(cells: Sequence[tuple[str, str, float, str]]) -> go.Figure:
    """A grid of two dimensions; darker is more, and each cell says its figure.

    Args:
        cells: place across, place down, value and text of each.
    """
    across = list(dict.fromkeys(cell[0] for cell in cells))
    down = list(dict.fromkeys(cell[1] for cell in cells))[:MOST_BARS]
    known: dict[tuple[str, str], tuple[float, str]] = {(c[0], c[1]): (c[2], c[3]) for c in cells}
    missing: tuple[Any, str] = (None, "")
    figure = go.Figure(
        go.Heatmap(
            x=across,
            y=down,
            z=[[known.get((one, other), missing)[0] for one in across] for other in down],
            text=[[known.get((one, other), missing)[1] for one in across] for other in down],
            texttemplate="%{text}" if len(across) <= 12 else None,
            hovertemplate="%{y} · %{x}: %{text}<extra></extra>",
            colorscale=list(HEAT),
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
        )
    )
    figure.update_xaxes(type="category", automargin=True)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return calm(figure, height=110 + _ROW_HEIGHT * len(down))


def largest(points: Sequence[Point], count: int) -> list[str]:
    """The groups with the largest figures, the largest first."""
    size: dict[str, float] = {}
    for point in points:
        size[point.group] = size.get(point.group, 0.0) + abs(point.value)
    return sorted(size, key=lambda group: -size[group])[:count]


def _axis(points: Sequence[Point], value_label: Callable[[float], str]) -> dict[str, Any]:
    low = min((point.value for point in points), default=0.0)
    high = max((point.value for point in points), default=0.0)
    if low < 0 or high <= 0:
        return {"tickformat": ",.3~g"}
    ticks = even_ticks(high)
    return {
        "rangemode": "tozero",
        "tickvals": ticks,
        "ticktext": [value_label(tick) for tick in ticks],
    }
