"""Decisions: what was decided from the figures, why, and whether it arrived. Read only."""

import streamlit as st

from app_streamlit.queries.ledger import (
    LEDGER_LIMIT,
    load_decisions,
    load_deliveries,
    load_state_counts,
)
from app_streamlit.ui import address, cards, decision_words, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data

context = current()
t = context.t
home = context.edition.home
st.title(t("pages.decisions"))
counts = load_state_counts(home)
cards.headline(decision_words.headline(context, counts))
if not sum(counts.values()):
    no_data(context, "empty.no_decisions")
    st.stop()

states = ["all", *counts]
state = address.choice(
    "view",
    states,
    "all",
    lambda key: st.segmented_control(
        t("columns.state"),
        states,
        format_func=lambda name: decision_words.state_with_count(context, name, counts),
        key=key,
        required=True,
        label_visibility="collapsed",
    ),
    variant=f"decisions_{t.language}",
)
found = load_decisions(home, None if state == "all" else state)
columns = decision_words.ledger_columns(context)
tables.show_table(
    found, columns, context, key="ledger_table", describe=t("decisions.table_alt"), height=420
)
st.download_button(
    t("orders.download"),
    data=lambda: tables.csv_of(found, columns, context),
    file_name="fourflow-decisions.csv",
    mime="text/csv",
    icon=":material/download:",
    on_click="ignore",
)
if len(found) >= LEDGER_LIMIT:
    st.caption(t("decisions.newest_shown", count=formats.count(LEDGER_LIMIT)))
if found.empty:
    st.stop()

st.subheader(t("decisions.one"))
decision_id = st.selectbox(
    t("decisions.choose"),
    list(found["decision_id"]),
    format_func=lambda value: decision_words.short_name(context, found, value),
    key=f"decision_{t.language}_{state}",
)
row = found[found["decision_id"] == decision_id].iloc[0].to_dict()
st.markdown(decision_words.explanation(context, row))
deliveries = load_deliveries(home, decision_id)
if deliveries.empty:
    no_data(context, "decisions.not_sent")
else:
    tables.show_table(
        deliveries,
        decision_words.delivery_columns(context),
        context,
        key="deliveries_table",
        describe=t("decisions.deliveries_alt"),
    )
