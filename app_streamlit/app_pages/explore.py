"""Explore: any metric by any dimensions, as a chart, a table, a link, a file or a saved view."""

import streamlit as st

from app_streamlit.blocks import explore_blocks, explore_controls
from app_streamlit.queries.explore import load_answer, load_total
from app_streamlit.queries.metrics import open_layer
from app_streamlit.ui import address, cards
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import explore_words
from connectors.errors import FourflowError

context = current()
t = context.t
st.title(t("pages.explore"))
if open_layer() is None or not context.bounds:
    cards.headline(t("explore.no_metrics", count=0))
    no_data(context, "metrics.undefined")
    st.stop()
first_line = st.container()
explore_controls.choose_question(context)
question = explore_words.question_of(context, address.params())
with st.container(horizontal=True, vertical_alignment="center", key="explore_tools"):
    chart = explore_controls.choose_chart(context, question)
    explore_controls.choose_filters(context, context.edition, question)
    explore_controls.saved(context)
try:
    with st.spinner(t("explore.asking"), show_time=False):
        total = load_total(context.edition, question)
        answer = load_answer(context.edition, question)
except FourflowError as error:
    first_line.markdown(cards.as_headline(t("explore.no_metrics", count=0)))
    st.info(str(error), icon=":material/info:")
    st.stop()
first_line.markdown(cards.as_headline(explore_words.headline(context, question, total, answer)))
for note in explore_words.notes(context, answer):
    st.caption(f":material/info: {note}")
if kept := explore_controls.filters_text(context, question):
    st.caption(f":material/filter_alt: {cards.escape(kept)}")
if not answer.rows:
    no_data(context)
    st.stop()
explore_blocks.totals(context, total, key="explore_totals")
if chart not in ("figure", "table"):
    explore_blocks.charts(context, question, answer, chart, "explore_chart")
explore_blocks.table(context, answer, key="explore_table")
explore_controls.downloads(context, answer)
