"""Orders: the orders behind a bar of the funnel, and the life of one of them."""

import streamlit as st

from app_streamlit.blocks import allocation_blocks, decision_blocks, order_blocks
from app_streamlit.queries.order_life import load_disagreements, load_events, load_stages
from app_streamlit.queries.orders import (
    EXPORT_LIMIT,
    OUTCOMES,
    PAGE_SIZE,
    Selection,
    count_orders,
    load_orders,
)
from app_streamlit.ui import address, cards, downloads, formats, tables
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
scope = context.scope(business)
labels = order_blocks.step_labels(context, funnel)

first_line = st.container()
with st.container(horizontal=True, vertical_alignment="bottom", key="order_filters"):
    outcome = address.choice(
        "outcome",
        OUTCOMES,
        "any",
        lambda key: st.selectbox(
            t("orders.outcome"),
            OUTCOMES,
            format_func=lambda name: t(f"orders.outcomes.{name}"),
            key=key,
            width=240,
        ),
        variant=t.language,
    )
    step = ""
    if outcome != "any":
        later = order_blocks.steps_for(outcome, labels)
        step = address.choice(
            "step",
            later,
            later[0],
            lambda key: st.selectbox(
                t("orders.step"),
                later,
                format_func=lambda number: labels[int(number)],
                key=key,
                width=240,
            ),
            variant=f"{t.language}_{funnel}_{outcome}",
        )
    order_no = order_blocks.search_box(context)

selection = Selection(
    scope=scope,
    funnel=funnel,
    step_number=int(step) if step else None,
    outcome=order_blocks.as_outcome(outcome),
    order_no=order_no,
)
number, amount, currency = count_orders(context.edition, selection)
first_line.markdown(
    cards.as_headline(
        order_blocks.headline(
            context, selection, labels, number=number, amount=amount, currency=currency
        )
    )
)
st.caption(
    t(
        "orders.range",
        business=context.business_label(business),
        days=formats.days(scope.start, scope.end, t.language),
    )
)
if number == 0:
    no_data(context)
    st.stop()

columns = order_blocks.columns(context, business, funnel)
orders = load_orders(context.edition, selection)
tables.show_table(
    orders,
    columns,
    context,
    key="orders_table",
    describe=t("orders.table_alt"),
    height=420,
)
with st.container(horizontal=True, vertical_alignment="center", key="order_download"):
    downloads.offer(
        lambda: load_orders(context.edition, selection, EXPORT_LIMIT),
        columns,
        context,
        name=f"fourflow-orders-{context.publication.publication_id}",
        key="orders_file",
    )
    if number > PAGE_SIZE:
        st.caption(t("orders.first_shown", count=formats.count(PAGE_SIZE)))

order = order_blocks.chosen_order(context, orders)
if order is None:
    st.stop()
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
