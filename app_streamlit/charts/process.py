"""The map of a process: activities as boxes, steps as arrows that say how many and how long."""

from collections.abc import Callable, Mapping

import pandas as pd

from app_streamlit.charts.palette import GRADES, NEUTRAL
from app_streamlit.queries.rates import Grade

_GRADE_OF: dict[str, Grade] = {"sop": "green", "rework": "amber", "deviation": "red"}
_WIDEST = 4.0
_BESIDE = "   "  # of a label: room between an arrow and its words


def process_map(
    steps: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    step_label: Callable[[int, float | None], str],
    text_colour: str,
) -> str:
    """The map as Graphviz DOT.

    Args:
        steps: one row a step: previous_activity, activity, step_kind, step_count,
            waited_seconds_p50.
        labels: activity -> its name.
        step_label: words of an arrow from its count and its median wait in seconds.
        text_colour: of names and words.
    """
    shown = steps[steps["previous_activity"] != "start"]
    most = max(shown["step_count"].max(), 1) if not shown.empty else 1
    used = set(shown["previous_activity"]) | set(shown["activity"])
    lines = [
        "digraph {",
        # From top to bottom: side by side, as many steps would not fit a page in readable letters.
        'rankdir=TB; bgcolor="transparent"; nodesep=0.3; ranksep=0.3;',
        f'node [shape=box, style="rounded", fontname="sans-serif", fontsize=11, height=0.35, '
        f'margin="0.12,0.04", color="{NEUTRAL}", fontcolor="{text_colour}"];',
        f'edge [fontname="sans-serif", fontsize=10, fontcolor="{text_colour}"];',
    ]
    lines += [
        f"{_quoted(name)} [label={_quoted(labels.get(name, name))}];" for name in sorted(used)
    ]
    for row in shown.to_dict("records"):
        wait = row["waited_seconds_p50"]
        words = step_label(int(row["step_count"]), None if pd.isna(wait) else float(wait))
        width = 1 + (_WIDEST - 1) * row["step_count"] / most
        style = "solid" if row["step_kind"] == "sop" else "dashed"
        lines.append(
            f"{_quoted(row['previous_activity'])} -> {_quoted(row['activity'])} "
            f"[label={_quoted(_beside(words))}, penwidth={width:.1f}, style={style}, "
            f'color="{GRADES[_GRADE_OF[row["step_kind"]]]}"];'
        )
    return "\n".join([*lines, "}"])


def _beside(words: str) -> str:
    return "\n".join(_BESIDE + line for line in words.split("\n"))


def _quoted(text: object) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
