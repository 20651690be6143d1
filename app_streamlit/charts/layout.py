"""The frame that all charts share: margins, legend, no decoration."""

from typing import Any

import plotly.graph_objects as go


def calm(figure: go.Figure, *, height: int, **layout: Any) -> go.Figure:
    """Give a figure the common look; keywords add to it."""
    common = {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.16, "yanchor": "top"},
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    }
    figure.update_layout(height=height, **{**common, **layout})
    return figure


CONFIG = {"displayModeBar": False, "scrollZoom": False, "displaylogo": False}
