"""Colours that depend on the viewer's theme, for what Plotly does not adapt by itself."""

import streamlit as st

_TEXT = {"light": "#0f1418", "dark": "#e4e7e9"}


def text_colour() -> str:
    """The colour of text on the page's background."""
    return _TEXT.get(st.context.theme.type or "light", _TEXT["light"])
