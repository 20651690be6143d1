"""Headline sentences and figure tiles."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app_streamlit.charts.layout import CONFIG
from app_streamlit.ui import freshness


@dataclass(frozen=True)
class Tile:
    """One figure: what it is, its value as text, and how it moved."""

    label: str
    value: str
    definition: str
    delta: str | None = None
    rise_is: str = "good"
    target: str | None = None
    trend: tuple[float, ...] = ()


def headline(sentence: str) -> None:
    """The page's first line: what happened, in words."""
    st.markdown(as_headline(sentence))


def as_headline(sentence: str) -> str:
    """The Markdown of a first line, for a page that knows it only after its own filters."""
    return f"##### {escape(sentence)}"


def tiles(
    shown: Sequence[Tile], *, key: str, business: str | None = None, is_published: bool = True
) -> None:
    """A row of tiles that wraps on narrow screens.

    Args:
        shown: the tiles.
        key: of their container.
        business: whose figures they are; default: of the chosen ones.
        is_published: whether they are figures of the publication, which have a time that they are
            as of.
    """
    colour = {"good": "normal", "bad": "inverse", "neutral": "off"}
    around = freshness.block(key, business=business) if is_published else nullcontext()
    with around, st.container(horizontal=True, gap="xsmall", key=key):
        for tile in shown:
            is_flat = tile.delta is None or tile.delta[0] not in "+-"
            st.metric(
                tile.label,
                escape(tile.value),
                delta=tile.delta if tile.delta is not None else tile.target,
                delta_color="off" if is_flat else colour[tile.rise_is],  # type: ignore[arg-type]
                delta_arrow="off" if is_flat else "auto",
                delta_description=tile.target if tile.delta is not None else None,
                chart_data=tile.trend or None,
                help=tile.definition,
                border=True,
                width="stretch",
                height="stretch",
            )


def plot(figure: go.Figure, *, key: str, **more: Any) -> Any:
    """A chart of figures of the publication; keywords are those of `st.plotly_chart`."""
    with freshness.block(key):
        return st.plotly_chart(figure, key=key, config=CONFIG, **more)


def escape(text: str) -> str:
    """Keep a dollar sign, a star or a bracket in data from being read as Markdown."""
    for sign in ("\\", "$", "*", "_", "[", "]", "`", "~"):
        text = text.replace(sign, f"\\{sign}")
    return text
