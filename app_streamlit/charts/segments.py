"""Customers by RFM: a treemap of segments and a grid of recency by frequency."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

import pandas as pd
import plotly.graph_objects as go

from app_streamlit.charts.layout import calm
from app_streamlit.charts.palette import HEAT, depths, series_colour

_SCORES = (1, 2, 3, 4, 5)


def segment_treemap(
    segments: pd.DataFrame,
    *,
    segment_label: Callable[[str], str],
    count_label: Callable[[int], str],
    amount_label: Callable[[Decimal], str],
    worth: Sequence[Decimal | None],
) -> go.Figure:
    """Area is the number of customers of a segment; darker means more sales for one customer.

    Args:
        segments: one row a segment.
        segment_label: name of a segment in the reader's language.
        count_label: a number of customers as text.
        amount_label: an amount as text.
        worth: net sales for one customer of each segment.
    """
    names = [str(name) for name in segments["rfm_segment"]]
    figure = go.Figure(
        go.Treemap(
            labels=[segment_label(name) for name in names],
            parents=[""] * len(names),
            ids=names,
            values=[int(value) for value in segments["customer_count"]],
            customdata=[
                [count_label(int(number)), amount_label(amount)]
                for number, amount in zip(
                    segments["customer_count"], segments["monetary_amount"], strict=True
                )
            ],
            texttemplate="<b>%{label}</b><br>%{customdata[0]}<br>%{customdata[1]}",
            hovertemplate="%{label}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            marker={
                "colors": depths([float(value or 0) for value in worth]),
                "line": {"width": 2},
            },
            textfont={"color": "#ffffff", "size": 14},
            root={"color": "rgba(0,0,0,0)"},
            tiling={"pad": 3},
            pathbar={"visible": False},
        )
    )
    return calm(figure, height=380)


def score_grid(
    cells: pd.DataFrame,
    *,
    recency_title: str,
    frequency_title: str,
    count_label: Callable[[int], str],
) -> go.Figure:
    """Customers by recency score (across) and frequency score (up); 5 is best."""
    counts = cells.groupby(["frequency_score", "recency_score"])["customer_count"].sum()
    values = [[int(counts.get((f, r), 0)) for r in _SCORES] for f in _SCORES]
    figure = go.Figure(
        go.Heatmap(
            x=list(_SCORES),
            y=list(_SCORES),
            z=values,
            text=[[count_label(value) if value else "" for value in line] for line in values],
            texttemplate="%{text}",
            hovertemplate=f"{recency_title}: %{{x}}<br>{frequency_title}: %{{y}}<br>"
            "%{text}<extra></extra>",
            colorscale=[[n / (len(HEAT) - 1), colour] for n, colour in enumerate(HEAT)],
            showscale=False,
            xgap=3,
            ygap=3,
        )
    )
    return calm(
        figure,
        height=380,
        xaxis={"title": recency_title, "dtick": 1, "fixedrange": True, "showgrid": False},
        yaxis={"title": frequency_title, "dtick": 1, "fixedrange": True, "showgrid": False},
    )


def cohort_grid(
    cohorts: pd.DataFrame,
    *,
    share_of: Callable[[int, int], float | None],
    month_label: Callable[[date], str],
    rate_label: Callable[[float | None], str],
    months_title: str,
) -> go.Figure:
    """Share of each month's new customers who bought again, month by month; darker is more.

    Args:
        cohorts: one row a month of the first purchase and months since.
        share_of: the share of a part in a whole.
        month_label: a month as text.
        rate_label: a share as text.
        months_title: title of the months since.
    """
    months = sorted(set(cohorts.loc[cohorts["months_since"] > 0, "cohort_month"]))
    since = [number for number in sorted(set(cohorts["months_since"])) if number > 0]
    cells = {
        (row["cohort_month"], row["months_since"]): share_of(
            row["active_person_count"], row["cohort_person_count"]
        )
        for row in cohorts.to_dict("records")
    }
    values = [[cells.get((month, number)) for number in since] for month in months]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=[str(number) for number in since],
            y=[month_label(month) for month in months],
            text=[[rate_label(cell) if cell is not None else "" for cell in row] for row in values],
            texttemplate="%{text}",
            hovertemplate="%{y} + %{x}: %{text}<extra></extra>",
            colorscale=list(HEAT),
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
        )
    )
    figure.update_xaxes(title=months_title, type="category")
    figure.update_yaxes(autorange="reversed", type="category")
    return calm(figure, height=90 + 32 * len(months))


def movement_sankey(
    movements: pd.DataFrame,
    *,
    segment_label: Callable[[str], str],
    count_label: Callable[[int], str],
    text_colour: str,
) -> go.Figure:
    """Where the people of each segment went: before on the left, now on the right.

    Args:
        movements: one row a pair of segments (`from_segment`, `to_segment`, `person_count`), those
            who stayed included.
        segment_label: name of a segment in the reader's language.
        count_label: a number of people as text.
        text_colour: of the names.
    """
    sizes: dict[str, int] = {}
    for side in ("from_segment", "to_segment"):
        for name, count in movements.groupby(side)["person_count"].sum().items():
            sizes[str(name)] = max(sizes.get(str(name), 0), int(count))
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    colours = {name: series_colour(place) for place, name in enumerate(names)}
    before = [name for name in names if (movements["from_segment"] == name).any()]
    now = [name for name in names if (movements["to_segment"] == name).any()]
    rows = movements.to_dict("records")
    counts = [int(row["person_count"]) for row in rows]
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [segment_label(name) for name in (*before, *now)],
                "color": [colours[name] for name in (*before, *now)],
                "pad": 14,
                "thickness": 14,
                "line": {"width": 0},
                "customdata": [
                    count_label(int(movements.loc[movements[side] == name, "person_count"].sum()))
                    for side, part in (("from_segment", before), ("to_segment", now))
                    for name in part
                ],
                "hovertemplate": "%{label}: %{customdata}<extra></extra>",
            },
            link={
                "source": [before.index(str(row["from_segment"])) for row in rows],
                "target": [len(before) + now.index(str(row["to_segment"])) for row in rows],
                "value": counts,
                "color": [_pale(colours[str(row["from_segment"])]) for row in rows],
                "customdata": [count_label(count) for count in counts],
                "hovertemplate": "%{source.label} → %{target.label}: %{customdata}<extra></extra>",
            },
            textfont={"color": text_colour, "size": 13, "shadow": "none"},
        )
    )
    return calm(figure, height=max(320, 52 * max(len(before), len(now))))


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.28)"
