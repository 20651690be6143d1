"""Blocks about satisfaction: figures with their intervals, months, and every group."""

import pandas as pd
import streamlit as st

from app_streamlit.charts.satisfaction import satisfaction_chart
from app_streamlit.queries.satisfaction import RECOMMENDATION
from app_streamlit.ui import cards, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import satisfaction_words as words


def show_satisfaction(context: PageContext, business: str, answers: pd.DataFrame) -> None:
    """What people of a business answered: tiles, months of a question, table of groups."""
    t = context.t
    cards.tiles(words.tiles(context, answers), key=f"satisfaction_{business}", business=business)
    questions = words.questions(answers)
    if questions:
        question = st.segmented_control(
            t("columns.question_code"),
            questions,
            default=questions[0],
            format_func=lambda code: words.question_label(context, code),
            key=f"question_{business}_{t.language}",
            required=True,
            label_visibility="collapsed",
        )
        recommends = question == RECOMMENDATION
        cards.plot(
            satisfaction_chart(
                words.readings(context, answers, str(question)),
                suffix="" if recommends else "%",
                bounds=(-105, 105) if recommends else (0, 105),
            ),
            key=f"satisfaction_months_{business}",
            alt=t("satisfaction.chart_alt"),
        )
    else:
        no_data(context, "satisfaction.nothing_scored")
    tables.show_table(
        words.group_frame(context, answers),
        words.group_columns(context),
        context,
        key=f"satisfaction_groups_{business}",
        describe=t("satisfaction.table_alt"),
    )
    st.caption(t("satisfaction.how_to_read"))
