"""Headline sentences and figure tiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Tile:
    """One figure: what it is, its value as text, and how it moved."""

    label: str
    value: str
    definition: str
    delta: str | None = None
    delta_means: str | None = None
    trend: Sequence[float] = ()
    rise_is: str = "good"


def headline(sentence: str) -> None:
    """The page's first line: what happened, in words."""
    st.markdown(f"##### {escape(sentence)}")


def tiles(shown: Sequence[Tile], *, key: str) -> None:
    """A row of tiles that wraps on narrow screens."""
    colour = {"good": "normal", "bad": "inverse", "neutral": "off"}
    with st.container(horizontal=True, gap="small", key=key):
        for tile in shown:
            st.metric(
                tile.label,
                escape(tile.value),
                delta=tile.delta,
                delta_color=colour[tile.rise_is],  # type: ignore[arg-type]
                delta_description=tile.delta_means if tile.delta else None,
                help=tile.definition,
                border=True,
                chart_data=list(tile.trend) if len(tile.trend) > 1 else None,
                chart_type="area",
                width=196,
            )


def escape(text: str) -> str:
    """Keep a dollar sign, a star or a bracket in data from being read as Markdown."""
    for sign in ("\\", "$", "*", "_", "[", "]", "`", "~"):
        text = text.replace(sign, f"\\{sign}")
    return text
