"""ROI: the baseline that was frozen before go-live against now, each figure with its reason."""

import streamlit as st

from app_streamlit.queries.roi import load_return
from app_streamlit.ui import cards, tables
from app_streamlit.ui.context import current
from app_streamlit.words import roi_words

context = current()
t = context.t
st.title(t("pages.roi"))
told = load_return(context.edition)
if told is None:
    cards.headline(t("roi.none"))
    st.markdown(t("roi.how_to_freeze"))
    st.code(
        'fourflow baseline freeze --reason "four ordinary weeks"', language=None, wrap_lines=True
    )
    st.stop()

cards.headline(roi_words.headline(context, told))
st.caption(cards.escape(roi_words.frozen_sentence(context, told)))
tables.show_table(
    roi_words.figure_frame(context, told),
    roi_words.COLUMNS,
    context,
    key="roi_table",
    describe=t("roi.table_alt"),
)
st.caption(t("roi.how_to_read"))
st.subheader(t("roi.touches"))
frozen = told.baseline.touch_cost
with st.container(horizontal=True, key="touch_inputs"):
    minutes = st.number_input(
        t("roi.minutes"), 0.0, 600.0, float(frozen.minutes), key="roi_minutes", width=240
    )
    rate = st.number_input(
        t("roi.rate", currency=frozen.currency_code),
        0.0,
        100_000.0,
        float(frozen.hourly_rate),
        key="roi_rate",
        width=240,
    )
st.markdown(cards.escape(roi_words.saved_sentence(context, told, minutes, rate)))
if (minutes, rate) != (float(frozen.minutes), float(frozen.hourly_rate)):
    st.caption(t("roi.what_if"))
