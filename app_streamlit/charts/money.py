"""Money step by step, reason by reason and week by week."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import GRADES, NEUTRAL, SERIES, series_colour


def waterfall_chart(
    names: Sequence[str],
    amounts: Sequence[Decimal],
    *,
    total_label: str,
    value_label: Callable[[Any], str],
) -> go.Figure:
    """What is added and taken away, and what is left.

    Args:
        names: the components in the reader's words, the starting amount first.
        amounts: their amounts with their signs.
        total_label: name of what is left.
        value_label: an amount as text.
    """
    left = sum(amounts, Decimal(0))
    figure = go.Figure(
        go.Waterfall(
            x=[*names, total_label],
            y=[float(amount) for amount in (*amounts, left)],
            measure=["absolute", *["relative"] * (len(names) - 1), "total"],
            text=[value_label(amount) for amount in (*amounts, left)],
            textposition="outside",
            hovertemplate="%{x}: %{text}<extra></extra>",
            connector={"line": {"color": NEUTRAL, "width": 1}},
            increasing={"marker": {"color": GRADES["green"]}},
            decreasing={"marker": {"color": SERIES[1]}},
            totals={"marker": {"color": SERIES[0]}},
            cliponaxis=False,
        )
    )
    return calm(
        figure,
        height=320,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"fixedrange": True, "automargin": True},
        yaxis={"visible": False, "fixedrange": True},
    )


def pareto_chart(
    names: Sequence[str],
    amounts: Sequence[Decimal],
    shares: Sequence[float | None],
    *,
    value_label: Callable[[Any], str],
    rate_label: Callable[[float | None], str],
    share_title: str,
) -> go.Figure:
    """Bars, the largest first, and the share that they make up together up to each.

    Args:
        names: what the bars are.
        amounts: their amounts, in falling order.
        shares: share of the whole of each bar and all before it.
        value_label: an amount as text.
        rate_label: a share as text.
        share_title: name of the line.
    """
    figure = go.Figure(
        [
            go.Bar(
                x=list(names),
                y=[float(amount) for amount in amounts],
                customdata=[value_label(amount) for amount in amounts],
                hovertemplate="%{x}: %{customdata}<extra></extra>",
                marker={"color": SERIES[0]},
                showlegend=False,
            ),
            go.Scatter(
                x=list(names),
                y=list(shares),
                yaxis="y2",
                name=share_title,
                mode="lines+markers",
                line={"color": SERIES[1], "width": 2},
                customdata=[rate_label(share) for share in shares],
                hovertemplate="%{customdata}",
            ),
        ]
    )
    return calm(
        figure,
        height=320,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        xaxis={"fixedrange": True, "automargin": True},
        yaxis={"showgrid": False, "fixedrange": True, "visible": False},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.05],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "tickformat": ".0%",
            "fixedrange": True,
        },
    )


def stacked_bars(
    parts: Sequence[tuple[str, Sequence[str], Sequence[Decimal]]],
    *,
    value_label: Callable[[Any], str],
    height: int = 300,
) -> go.Figure:
    """Bars one above the other, one colour a part.

    Args:
        parts: name, places on the axis and amounts of each part.
        value_label: an amount as text.
        height: in pixels.
    """
    figure = go.Figure(
        [
            go.Bar(
                x=list(places),
                y=[float(amount) for amount in amounts],
                name=name,
                text=[value_label(amount) if amount else "" for amount in amounts],
                textposition="auto",
                customdata=[value_label(amount) for amount in amounts],
                hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
                marker={"color": series_colour(position)},
                showlegend=len(parts) > 1,
            )
            for position, (name, places, amounts) in enumerate(parts)
        ]
    )
    return calm(
        figure,
        height=height,
        barmode="relative",
        xaxis={"type": "category", "fixedrange": True, "automargin": True},
        yaxis={"visible": False, "fixedrange": True},
    )
