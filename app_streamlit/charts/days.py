"""Counts a day as bars."""

from collections.abc import Mapping
from datetime import date

import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import series_colour


def day_bars(counts: Mapping[date, int], *, height: int = 200) -> go.Figure:
    """One bar a day; days without any are gaps."""
    figure = go.Figure(
        go.Bar(
            x=list(counts),
            y=list(counts.values()),
            marker_color=series_colour(0),
            hovertemplate="%{x|%Y-%m-%d}: %{y:,}<extra></extra>",
        )
    )
    figure.update_yaxes(rangemode="tozero", tickformat=",d", fixedrange=True)
    figure.update_xaxes(type="date", fixedrange=True)
    return calm(figure, height=height, bargap=0.15, showlegend=False)
