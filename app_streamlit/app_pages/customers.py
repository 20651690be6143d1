"""Customers: who buys often, who bought lately, and who is about to leave (RFM)."""

import streamlit as st

from app_streamlit.blocks import identity_blocks
from app_streamlit.charts.segments import cohort_grid, score_grid, segment_treemap
from app_streamlit.queries.customers import (
    load_cohorts,
    load_currencies,
    load_movements,
    load_segment_cells,
    load_segments,
    load_top_customers,
)
from app_streamlit.queries.rates import share
from app_streamlit.ui import address, cards, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import customer_words

context = current()
t = context.t
st.title(t("pages.customers"))
groups = {
    f"{business}:{currency}": (business, currency)
    for business in context.businesses
    for currency in load_currencies(context.edition, business)
}
if not groups:
    nothing_here(context, "customers", "empty.no_customers")
    st.stop()
known = list(groups)
group = known[0]
first_line = st.container()
if len(known) > 1:
    group = address.switch(
        "view",
        known,
        known[0],
        label=t("filters.business"),
        format_func=lambda name: customer_words.group_label(context, groups, name),
        variant=f"customers_{t.language}",
    )
business, currency = groups[group]
segments = load_segments(context.edition, business, currency)
table = customer_words.segment_frame(context, segments)
first_line.markdown(
    cards.as_headline(
        customer_words.headline(
            context, customer_words.group_label(context, groups, group), segments
        )
    )
)
st.caption(t("customers.how_scored"))

left, right = st.columns([3, 2], gap="medium")
with left:
    st.subheader(t("customers.segments"), help=t("customers.segments_help"))
    cards.plot(
        segment_treemap(
            segments,
            segment_label=lambda name: customer_words.segment_label(context, name),
            count_label=lambda n: t("units.customers", n=n, count=formats.count(n)),
            amount_label=lambda a: formats.short_money(a, currency, t.language),
            worth=list(table["amount_per_customer"]),
        ),
        key="segments_chart",
        alt=t("customers.segments_alt"),
    )
with right:
    st.subheader(t("customers.grid"))
    cards.plot(
        score_grid(
            load_segment_cells(context.edition, business, currency),
            recency_title=t("customers.recency_score"),
            frequency_title=t("customers.frequency_score"),
            count_label=lambda n: formats.short(n, t.language),
        ),
        key="grid_chart",
        alt=t("customers.grid_alt"),
    )

tables.show_table(
    table,
    customer_words.segment_columns(context),
    context,
    key="segments_table",
    describe=t("customers.table_alt"),
)

st.subheader(t("customers.best"))
names = [str(name) for name in segments["rfm_segment"]]
segment = address.choice(
    "segment",
    names,
    names[0],
    lambda key: st.selectbox(
        t("columns.rfm_segment"),
        names,
        format_func=lambda name: customer_words.segment_label(context, name),
        key=key,
        width=320,
    ),
    variant=f"{t.language}_{group}",
)
tables.show_table(
    load_top_customers(context.edition, business, currency, segment),
    customer_words.customer_columns(context, business),
    context,
    key="customers_table",
    describe=t("customers.best_alt"),
    height=360,
)

movements = load_movements(context.edition, business)
if not movements.empty:
    st.subheader(t("customers.movement"))
    st.markdown(cards.escape(customer_words.movement_sentence(context, movements)))
    tables.show_table(
        customer_words.moved_only(movements),
        customer_words.movement_columns(context),
        context,
        key="movements_table",
        describe=t("customers.movement"),
        height=360,
    )

cohorts = load_cohorts(context.edition, business, currency)
if not cohorts.empty and cohorts["months_since"].max() > 0:
    st.subheader(t("customers.cohorts"), help=t("customers.cohorts_help"))
    cards.plot(
        cohort_grid(
            cohorts,
            share_of=share,
            month_label=lambda month: f"{month:%Y-%m}",
            rate_label=lambda part: formats.rate(part, 0),
            months_title=t("customers.months_since"),
        ),
        key="cohorts_chart",
        alt=t("customers.cohorts_alt"),
    )

identity_blocks.show_people(context, business)
