"""Stages: how long orders stay with each department, who is late, and what will be."""

import streamlit as st

from app_streamlit.queries.stages import LISTED, load_dwell, load_running
from app_streamlit.ui import cards, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import stage_words

context = current()
t = context.t
st.title(t("pages.stages"))
channel = context.choices.channel
shown = 0
for business in context.businesses:
    dwell = load_dwell(context.edition, business, channel)
    if dwell.empty:
        continue
    if shown or len(context.businesses) > 1:
        st.subheader(context.business_label(business))
    st.markdown(cards.as_headline(stage_words.headline(context, dwell)))
    if not shown:
        st.caption(t("stages.how_to_read"))
    shown += 1
    tables.show_table(
        stage_words.dwell_frame(context, dwell, business),
        stage_words.DWELL_COLUMNS,
        context,
        key=f"dwell_table_{business}",
        describe=t("stages.table_alt"),
    )
    running = load_running(context.edition, business, channel)
    if not running.empty:
        st.caption(t("stages.running", count=formats.count(LISTED)))
        tables.show_table(
            stage_words.running_frame(context, running, business),
            stage_words.RUNNING_COLUMNS,
            context,
            key=f"running_table_{business}",
            describe=t("stages.running_alt"),
            height=360,
        )
if not shown:
    nothing_here(context, "stages", "stages.nothing")
