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
    rise_is: str = "good"
    target: str | None = None
    trend: tuple[float, ...] = ()


def headline(sentence: str) -> None:
    """The page's first line: what happened, in words."""
    st.markdown(as_headline(sentence))


def as_headline(sentence: str) -> str:
    """The Markdown of a first line, for a page that knows it only after its own filters."""
    return f"##### {escape(sentence)}"


def tiles(shown: Sequence[Tile], *, key: str) -> None:
    """A row of tiles that wraps on narrow screens."""
    colour = {"good": "normal", "bad": "inverse", "neutral": "off"}
    with st.container(horizontal=True, gap="xsmall", key=key):
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


def escape(text: str) -> str:
    """Keep a dollar sign, a star or a bracket in data from being read as Markdown."""
    for sign in ("\\", "$", "*", "_", "[", "]", "`", "~"):
        text = text.replace(sign, f"\\{sign}")
    return text
