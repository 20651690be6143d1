"""The funnel: a bar a step, whose parts are the orders that reached it, are open, or dropped."""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import DROPPED, GRADES, ICONS, OPEN
from app_streamlit.queries.diagnosis import Step

_ROW = 74
PARTS = ("reached", "open", "dropped")


def _row(step: Step) -> str:
    """The axis category of a step; not a bare number, which would be read as a position."""
    return f"step {step.number}"


def funnel_chart(
    steps: Sequence[Step],
    *,
    step_label: Callable[[Step], str],
    part_labels: dict[str, str],
    count_label: Callable[[int], str],
    rate_label: Callable[[float | None], str],
    grade_label: Callable[[Step], str],
    text_colour: str,
    note_label: Callable[[Step], str] | None = None,
) -> go.Figure:
    """One bar a step, the first on top; a point's custom data is its step number and part.

    Args:
        steps: the steps in order.
        step_label: name of a step in the reader's language.
        part_labels: names of `reached`, `open`, `dropped`.
        count_label: a count as text.
        rate_label: a rate as text.
        grade_label: the grade of a step in a word.
        text_colour: colour of the lines above the bars.
        note_label: what is said of a step that has no rate; nothing if left out.
    """
    figure = go.Figure()
    rows = [_row(step) for step in steps]
    colours = {
        "reached": [GRADES[step.grade] for step in steps],
        "open": [OPEN] * len(steps),
        "dropped": [DROPPED] * len(steps),
    }
    for part in PARTS:
        values = [getattr(step, part) for step in steps]
        figure.add_trace(
            go.Bar(
                orientation="h",
                y=rows,
                x=values,
                name=part_labels[part],
                marker={
                    "color": colours[part],
                    "pattern": {
                        "shape": "/" if part == "open" else "",
                        "fgcolor": "#5f7f95",
                        "size": 6,
                    },
                    "line": {"width": 0},
                },
                width=0.46,
                customdata=[[step.number, part] for step in steps],
                hovertext=[
                    f"{step_label(step)}<br>{part_labels[part]}: {count_label(value)}"
                    for step, value in zip(steps, values, strict=True)
                ],
                hoverinfo="text",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 0.75}},
                showlegend=part != "reached",
            )
        )
    for step in steps:
        if step.is_first or step.rate is None:
            note = note_label(step) if note_label else ""
            rate = f"  ·  {note}" if note else ""
        else:
            rate = f"  ·  <b>{rate_label(step.rate)}</b>  {ICONS[step.grade]} {grade_label(step)}"
        figure.add_annotation(
            x=0,
            xref="paper",
            xanchor="left",
            y=_row(step),
            yshift=26,
            showarrow=False,
            align="left",
            text=f"<b>{step_label(step)}</b>  {count_label(step.reached)}{rate}",
            font={"size": 14, "color": text_colour},
        )
    return calm(
        figure,
        height=_ROW * max(len(steps), 1) + 60,
        barmode="stack",
        clickmode="event+select",
        legend={"orientation": "h", "x": 0, "y": -0.01, "yanchor": "top", "traceorder": "normal"},
        xaxis={"visible": False, "fixedrange": True},
        yaxis={
            "visible": False,
            "fixedrange": True,
            "type": "category",
            "categoryorder": "array",
            "categoryarray": rows[::-1],
            "range": [-0.5, len(steps) - 0.25],
        },
    )
