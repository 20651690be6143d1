"""How well predicted risks agree with what happened."""

import pandas as pd
import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import NEUTRAL, SERIES


def calibration_chart(
    bins: pd.DataFrame, *, predicted_title: str, observed_title: str, ideal_label: str
) -> go.Figure:
    """Observed against predicted share of each bin; on the line, risks mean what they say.

    Args:
        bins: one row a bin with `predicted_rate`, `observed_rate` and `row_count`.
        predicted_title: title of the axis across.
        observed_title: title of the axis up.
        ideal_label: name of the line of perfect agreement.
    """
    most = float(max(bins["predicted_rate"].max(), bins["observed_rate"].max())) * 1.1 or 1.0
    figure = go.Figure(
        [
            go.Scatter(
                x=[0, most],
                y=[0, most],
                name=ideal_label,
                mode="lines",
                line={"color": NEUTRAL, "width": 1, "dash": "dot"},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=[float(rate) for rate in bins["predicted_rate"]],
                y=[float(rate) for rate in bins["observed_rate"]],
                name=observed_title,
                mode="lines+markers",
                line={"color": SERIES[0], "width": 2},
                marker={"size": 8},
                customdata=[f"{int(count):,}" for count in bins["row_count"]],
                hovertemplate="%{x:.1%} → %{y:.1%} (n = %{customdata})<extra></extra>",
            ),
        ]
    )
    return calm(
        figure,
        height=320,
        xaxis={"title": predicted_title, "tickformat": ".0%", "showgrid": False},
        yaxis={"title": observed_title, "tickformat": ".0%", "automargin": True},
        legend={"orientation": "h", "x": 0, "y": -0.28, "yanchor": "top"},
    )
