"""Satisfaction by month, with the interval in which it lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import series_colour


@dataclass(frozen=True)
class Reading:
    """What a group answered in a month.

    Attributes:
        series: who answered, in words.
        month: such as 2026-03.
        value: percent or points.
        low: lower end of its interval; None without one.
        high: upper end.
        is_few: whether there are too few answers: drawn hollow.
        said: value and number of answers in words, for the hover box.
    """

    series: str
    month: str
    value: float
    low: float | None
    high: float | None
    is_few: bool
    said: str


def satisfaction_chart(
    readings: Sequence[Reading], *, suffix: str, bounds: tuple[float, float]
) -> go.Figure:
    """One point a month and series with its interval; months of few answers are hollow.

    Args:
        readings: the points.
        suffix: after each number of the axis.
        bounds: between which values the axis runs.
    """
    figure = go.Figure()
    months = sorted({reading.month for reading in readings})
    for position, series in enumerate(dict.fromkeys(reading.series for reading in readings)):
        mine = [reading for reading in readings if reading.series == series]
        colour = series_colour(position)
        figure.add_trace(
            go.Scatter(
                # Beside each other, so that no interval hides another.
                x=[months.index(reading.month) + 0.08 * position for reading in mine],
                y=[reading.value for reading in mine],
                name=series,
                mode="markers+lines",
                line={"color": colour, "width": 1.5},
                marker={
                    "size": 9,
                    "color": ["#ffffff" if reading.is_few else colour for reading in mine],
                    "line": {"color": colour, "width": 2},
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(reading.high, reading.value) for reading in mine],
                    "arrayminus": [_reach(reading.value, reading.low) for reading in mine],
                    "color": colour,
                    "thickness": 1.2,
                    "width": 5,
                },
                customdata=[[reading.month, reading.said] for reading in mine],
                hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra>%{fullData.name}</extra>",
            )
        )
    return calm(
        figure,
        height=280,
        showlegend=True,
        xaxis={
            "tickvals": list(range(len(months))),
            "ticktext": months,
            "range": [-0.5, len(months) - 0.5],
            "showgrid": False,
            "fixedrange": True,
        },
        yaxis={"range": list(bounds), "ticksuffix": suffix, "fixedrange": True},
    )


def _reach(upper: float | None, lower: float | None) -> float:
    return upper - lower if upper is not None and lower is not None else 0.0
