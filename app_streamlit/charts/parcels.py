"""Warehouses through the hours of the day."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import series_colour


def hour_bars(
    hours: pd.DataFrame, *, site_label: Callable[[str], str], hour_title: str
) -> go.Figure:
    """Orders that left by hour of the day, one colour a site.

    Args:
        hours: one row a site and hour with `shipped_order_count`.
        site_label: name of a site.
        hour_title: title of the axis.
    """
    figure = go.Figure()
    for position, (site, rows) in enumerate(hours.groupby("site", sort=True)):
        counts = dict(zip(rows["hour_of_day"], rows["shipped_order_count"], strict=True))
        figure.add_trace(
            go.Bar(
                x=list(range(24)),
                y=[int(counts.get(hour, 0)) for hour in range(24)],
                name=site_label(str(site)),
                marker={"color": series_colour(position)},
                hovertemplate="%{y:,}",
            )
        )
    return calm(
        figure,
        height=280,
        barmode="stack",
        hovermode="x unified",
        showlegend=True,
        xaxis={"title": hour_title, "dtick": 2, "showgrid": False, "range": [-0.6, 23.6]},
        yaxis={"rangemode": "tozero", "automargin": True, "nticks": 5, "tickformat": ",.0f"},
        legend={"orientation": "h", "x": 0, "y": -0.3, "yanchor": "top"},
    )
