"""The one palette: calm, told apart by colour-blind people, readable on light and dark.

Colour never speaks alone: grades come with an icon and a word.
"""

from collections.abc import Sequence

from app_streamlit.queries.rates import Grade

SERIES = ("#2f6f9f", "#d98e1f", "#4f9d86", "#a86b9d", "#7fb2d6", "#8a5a3c")
GRADES: dict[Grade, str] = {
    "green": "#3f947c",
    "amber": "#dfa32f",
    "red": "#c4532d",
    "none": "#6f8796",
}
ICONS: dict[Grade, str] = {"green": "✓", "amber": "▲", "red": "✕", "none": "•"}
OPEN = "#9fb9cc"
DROPPED = "#cdb2a6"
NEUTRAL = "#8b969e"
_LIGHT, _DEEP = (111, 147, 171), (31, 79, 116)
HEAT = ("#e7eef3", "#bcd3e2", "#86b0cd", "#4f8ab4", "#2f6f9f")


def depths(values: Sequence[float]) -> list[str]:
    """A blue for every value, the deeper the higher; white text is readable on all of them."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    span = (high - low) or 1.0
    return [
        "rgb({},{},{})".format(
            *(
                round(light + (deep - light) * (value - low) / span)
                for light, deep in zip(_LIGHT, _DEEP, strict=True)
            )
        )
        for value in values
    ]


def series_colour(position: int) -> str:
    """The colour of the series at a position; starts again after the last."""
    return SERIES[position % len(SERIES)]
