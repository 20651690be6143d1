"""Daily lines: a measure a channel, and what was to be expected."""

from collections.abc import Callable
from decimal import Decimal
from math import floor, log10

import pandas as pd
import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import NEUTRAL, series_colour

_MONTHS_FROM = 120  # days from which the axis names months


def trend_chart(
    daily: pd.DataFrame,
    measure: str,
    *,
    channel_label: Callable[[str], str],
    value_label: Callable[[object], str],
    expected_label: str | None = None,
) -> go.Figure:
    """One line a channel over the days; a dotted line is the sum of what was expected.

    Args:
        daily: one row a channel and day with `business_date`, `channel` and the measure.
        measure: the column that is drawn.
        channel_label: the name of a channel in the reader's language.
        value_label: a value as text, for the hover box.
        expected_label: name of the expectation line; None leaves it out.
    """
    figure = go.Figure()
    wide = daily.pivot_table(
        index="business_date", columns="channel", values=measure, aggfunc="sum"
    )
    days = pd.date_range(daily["business_date"].min(), daily["business_date"].max(), freq="D")
    wide.index = pd.to_datetime(wide.index)
    wide = wide.reindex(days).fillna(0)
    for position, channel in enumerate(wide.columns):
        values = wide[channel]
        figure.add_trace(
            go.Scatter(
                x=list(days),
                y=[float(value) for value in values],
                name=channel_label(str(channel)),
                mode="lines",
                line={"color": series_colour(position), "width": 2},
                customdata=[value_label(value) for value in values],
                hovertemplate="%{customdata}",
            )
        )
    if expected_label is not None:
        expected = daily.dropna(subset=["expected_order_count"])
        by_day = expected.groupby("business_date")["expected_order_count"].sum()
        if len(by_day) > 1:
            figure.add_trace(
                go.Scatter(
                    x=list(by_day.index),
                    y=[float(value) for value in by_day],
                    name=expected_label,
                    mode="lines",
                    line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
                    customdata=[value_label(value) for value in by_day],
                    hovertemplate="%{customdata}",
                )
            )
    ticks = even_ticks(max((max(trace.y) for trace in figure.data), default=0.0))
    return calm(
        figure,
        height=300,
        hovermode="x unified",
        xaxis={
            "showgrid": False,
            "tickformat": "%m-%d" if len(days) <= _MONTHS_FROM else "%Y-%m",
            "hoverformat": "%Y-%m-%d",
            "nticks": 8,
        },
        yaxis={
            "rangemode": "tozero",
            "tickvals": ticks,
            "ticktext": [value_label(Decimal(str(tick))) for tick in ticks],
            "automargin": True,
        },
    )


def even_ticks(highest: float, parts: int = 4) -> list[float]:
    """Round steps from zero to at least the highest value."""
    if highest <= 0:
        return [0.0]
    rough = highest / parts
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    if step > 1:
        step = round(step)
    return [step * number for number in range(int(highest / step) + 2)]
