"""Stock over age, days and the future."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import HEAT, NEUTRAL, SERIES, series_colour

_DAY = {"showgrid": False, "tickformat": "%m-%d", "hoverformat": "%Y-%m-%d", "nticks": 10}


def ageing_bars(
    ageing: pd.DataFrame,
    *,
    site_label: Callable[[str], str],
    value_label: Callable[[Any], str],
) -> go.Figure:
    """One bar a site, its stock's value by age: the darker, the older.

    Args:
        ageing: one row a site and bucket of one currency, the youngest bucket first.
        site_label: name of a site.
        value_label: an amount as text.
    """
    figure = go.Figure()
    buckets = list(dict.fromkeys(ageing["bucket_label"]))
    sites = list(dict.fromkeys(ageing["site"]))
    for position, bucket in enumerate(buckets):
        part = ageing[ageing["bucket_label"] == bucket].set_index("site")["stock_value"]
        values = [part.get(site, 0) for site in sites]
        shade = round((position + 1) * (len(HEAT) - 1) / max(len(buckets), 1))
        figure.add_trace(
            go.Bar(
                y=[site_label(str(site)) for site in sites],
                x=[float(value) for value in values],
                name=str(bucket),
                orientation="h",
                marker={"color": HEAT[shade], "line": {"width": 1, "color": NEUTRAL}},
                customdata=[value_label(value) for value in values],
                hovertemplate="%{y} · %{fullData.name}: %{customdata}<extra></extra>",
            )
        )
    return calm(
        figure,
        height=120 + 46 * len(sites),
        barmode="stack",
        xaxis={"showgrid": False, "showticklabels": False},
        yaxis={"automargin": True, "autorange": "reversed"},
        legend={"traceorder": "normal", "orientation": "h", "y": -0.05, "yanchor": "top"},
    )


def daily_lines(
    daily: pd.DataFrame, measure: str, group: str, *, label: Callable[[str], str]
) -> go.Figure:
    """One line a group over the days.

    Args:
        daily: one row a group and day with `business_date`, the group and the measure.
        measure: column that is drawn.
        group: column that tells the lines apart.
        label: name of a line.
    """
    figure = go.Figure()
    for position, (name, rows) in enumerate(daily.groupby(group, sort=True)):
        figure.add_trace(
            go.Scatter(
                x=list(rows["business_date"]),
                y=[float(value) for value in rows[measure]],
                name=label(str(name)),
                mode="lines",
                line={"color": series_colour(position), "width": 2},
                hovertemplate="%{y:,.0f}",
            )
        )
    return calm(
        figure,
        height=280,
        hovermode="x unified",
        showlegend=True,
        xaxis=_DAY,
        yaxis={"rangemode": "tozero", "automargin": True, "tickformat": ",.0f", "nticks": 5},
    )


def forecast_chart(
    history: pd.DataFrame,
    forecast: pd.DataFrame,
    *,
    history_label: str,
    expected_label: str,
    interval_label: str,
    promoted: Sequence[float] = (),
    promoted_label: str = "",
) -> go.Figure:
    """What sold, what is expected with its interval, and what a promotion would make of it.

    Args:
        history: one row a day with `business_date` and `quantity`.
        forecast: one row a day with expected, lower and upper quantity.
        history_label: name of the past.
        expected_label: name of the forecast.
        interval_label: name of the interval.
        promoted: units a day with a promotion; empty draws none.
        promoted_label: its name.
    """
    days = list(forecast["forecast_date"])
    figure = go.Figure(
        [
            go.Scatter(
                x=list(history["business_date"]),
                y=[int(units) for units in history["quantity"]],
                name=history_label,
                mode="lines",
                line={"color": NEUTRAL, "width": 1.5, "shape": "hvh"},
                hovertemplate="%{y:,}",
            ),
            go.Scatter(
                x=[*days, *reversed(days)],
                y=[
                    *(float(units) for units in forecast["upper_quantity"]),
                    *(float(units) for units in reversed(list(forecast["lower_quantity"]))),
                ],
                name=interval_label,
                fill="toself",
                fillcolor="rgba(47, 111, 159, 0.18)",
                line={"width": 0},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=days,
                y=[float(units) for units in forecast["expected_quantity"]],
                name=expected_label,
                mode="lines",
                line={"color": SERIES[0], "width": 2.5},
                customdata=[
                    f"{lower:.1f} – {upper:.1f}"
                    for lower, upper in zip(
                        forecast["lower_quantity"], forecast["upper_quantity"], strict=True
                    )
                ],
                hovertemplate="%{y:.1f} (%{customdata})",
            ),
        ]
    )
    if promoted:
        figure.add_trace(
            go.Scatter(
                x=days,
                y=list(promoted),
                name=promoted_label,
                mode="lines",
                line={"color": SERIES[1], "width": 2, "dash": "dash"},
                hovertemplate="%{y:.1f}",
            )
        )
    return calm(
        figure,
        height=320,
        hovermode="x unified",
        xaxis=_DAY,
        yaxis={"rangemode": "tozero", "automargin": True, "nticks": 5},
    )
