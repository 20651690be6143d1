"""Blocks of the explore page that the cockpit shows as well: tiles, charts and the table."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.charts.explore import (
    MOST_SERIES,
    Point,
    bar_chart,
    heat_grid,
    line_chart,
)
from app_streamlit.queries.explore import Answer
from app_streamlit.ui import cards, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.words import explore_words, metric_words
from app_streamlit.words.explore_words import Chart
from orchestration.metrics.layer import CURRENCY_CODE
from orchestration.metrics.names import GRAINS
from orchestration.metrics.questions import Question


def totals(context: PageContext, total: Answer, *, key: str) -> None:
    """A tile a metric and currency."""
    shown = [
        cards.Tile(
            label=_titled(context, name, total, currency),
            value=explore_words.figure(name, row[name], currency, context, short=True),
            definition=metric_words.meaning(name, context.t),
        )
        for row in total.rows
        for currency in [str(row.get(CURRENCY_CODE) or "")]
        for name in total.metrics
    ]
    if shown:
        cards.tiles(shown, key=key)


def charts(context: PageContext, question: Question, answer: Answer, kind: Chart, key: str) -> None:
    """A chart a metric and currency: figures of two units never share an axis."""
    currencies = list(dict.fromkeys(row.get(CURRENCY_CODE) for row in answer.rows))
    for name in answer.metrics:
        for currency in currencies:
            rows = [
                row
                for row in answer.rows
                if row.get(CURRENCY_CODE) == currency and row[name] is not None
            ]
            if not rows:
                continue
            money = str(currency or "")
            title = _titled(context, name, answer, money)
            if len(answer.metrics) * len(currencies) > 1:
                st.markdown(f"**{cards.escape(title)}**")
            figure, note = _figure(context, question, rows, name, kind)
            cards.plot(
                figure,
                key=f"{key}_{name}_{money}",
                alt=context.t(
                    "explore.chart_alt",
                    metric=title,
                    by=", ".join(
                        explore_words.dimension_label(one, context)
                        for one in answer.groups
                        if one != CURRENCY_CODE
                    ),
                    count=len(rows),
                ),
            )
            if note:
                st.caption(note)


def table(context: PageContext, answer: Answer, *, key: str) -> None:
    """All groups with all figures."""
    columns = explore_words.answer_columns(answer, context)
    tables.show_table(
        pd.DataFrame(list(answer.rows), columns=[*answer.groups, *answer.metrics]),
        columns,
        context,
        key=key,
        describe=context.t("explore.table_alt"),
        height=420,
    )


def _figure(
    context: PageContext,
    question: Question,
    rows: Sequence[Any],
    name: str,
    kind: Chart,
) -> tuple[Any, str]:
    groups = [one for one in rows[0] if one != CURRENCY_CODE and one not in question.metrics]
    currency = str(rows[0].get(CURRENCY_CODE) or "")

    def text(value: Any) -> str:
        return explore_words.figure(name, value, currency, context, short=True)

    if kind == "heat" and len(groups) > 1:
        down = list(groups[1:])
        cells = [
            (
                explore_words.value_label(groups[0], row[groups[0]], context),
                explore_words.group_label(row, down, context),
                float(row[name]),
                text(row[name]),
            )
            for row in rows
        ]
        return heat_grid(cells), ""
    timed = next((one for one in groups if one in GRAINS), None) if kind == "line" else None
    others = [one for one in groups if one != timed]
    points = [
        Point(
            period=_period(row, groups) if kind == "line" or len(groups) == 1 else None,
            group=explore_words.group_label(row, others, context),
            value=float(row[name]),
            text=text(row[name]),
        )
        for row in rows
    ]
    if kind == "line":
        number = len({point.group for point in points})
        note = ""
        if number > MOST_SERIES:
            note = context.t("explore.most_series", shown=MOST_SERIES, count=number)
        return line_chart(points, value_label=text), note
    return bar_chart(points), ""


def _period(row: Any, groups: Sequence[str]) -> date | None:
    return next((row[one] for one in groups if one in GRAINS), None)


def _titled(context: PageContext, name: str, answer: Answer, currency: str) -> str:
    label = metric_words.label(name, context.t)
    several = len({row.get(CURRENCY_CODE) for row in answer.rows}) > 1
    return f"{label} ({currency})" if several and currency else label
