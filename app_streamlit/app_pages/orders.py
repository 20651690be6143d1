"""Orders: found by any number or behind a bar of the funnel, and the life of one of them."""

import streamlit as st

from app_streamlit.blocks import allocation_blocks, decision_blocks, order_blocks
from app_streamlit.queries.order_life import load_disagreements, load_events, load_stages
from app_streamlit.ui import cards, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data, nothing_here
from app_streamlit.words import life_words

context = current()
t = context.t
st.title(t("pages.orders"))
target = order_blocks.target_funnel(context)
if target is None:
    nothing_here(context, "orders", "empty.no_funnel")
    st.stop()
business, funnel = target
first_line = st.container()
words = order_blocks.find_box(context)
if words:
    orders = order_blocks.show_found(context, words, first_line)
else:
    orders = order_blocks.show_list(context, business, funnel, first_line)
if orders.empty:
    st.stop()
order = order_blocks.chosen_order(context, orders)
if order is None:
    st.stop()
business = str(order.get("business", business))
events = load_events(context.edition, order["order_key"])
stages = load_stages(context.edition, order["order_key"])
disagreements = load_disagreements(context.edition, order["order_key"])
decision_blocks.show_decisions_on(context, order["order_key"])
if events.empty:
    no_data(context, "life.nothing")
    st.stop()
st.markdown(cards.as_headline(life_words.headline(context, order, events, disagreements)))
if not disagreements.empty:
    tables.show_table(
        life_words.disagreement_frame(context, disagreements),
        life_words.DISAGREEMENT_COLUMNS,
        context,
        key="disagreements_table",
        describe=t("life.disagreements_alt"),
    )
tables.show_table(
    life_words.event_frame(context, events),
    life_words.EVENT_COLUMNS,
    context,
    key="events_table",
    describe=t("life.events_alt"),
    height=620,
)
allocation_blocks.show_allocations_of(context, business, order["order_key"])
if not stages.empty:
    st.subheader(t("life.stages"))
    tables.show_table(
        life_words.stage_frame(context, stages),
        life_words.STAGE_COLUMNS,
        context,
        key="stages_table",
        describe=t("life.stages"),
    )
order_blocks.show_provenance(context, order)
