"""Customers: segments and movement, what they should bring, what goes together, who is who."""

import streamlit as st

from app_streamlit.blocks import customer_blocks, identity_blocks
from app_streamlit.queries.customers import load_currencies, load_segments
from app_streamlit.ui import address, cards
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
        "shop",
        known,
        known[0],
        label=t("filters.business"),
        format_func=lambda name: customer_words.group_label(context, groups, name),
        variant=f"customers_{t.language}",
    )
business, currency = groups[group]
segments = load_segments(context.edition, business, currency)
first_line.markdown(
    cards.as_headline(
        customer_words.headline(
            context, customer_words.group_label(context, groups, group), segments
        )
    )
)
view = address.switch(
    "view",
    customer_words.VIEWS,
    "accounts" if address.get("pair") else customer_words.VIEWS[0],
    label=t("stock.view"),
    format_func=lambda name: t(f"customers.views.{name}"),
    variant=f"customers_{t.language}",
)
if view == "segments":
    customer_blocks.show_segments(context, business, currency, segments)
elif view == "movement":
    customer_blocks.show_movement(context, business, currency)
elif view == "value":
    customer_blocks.show_value(context, business, currency)
elif view == "together":
    customer_blocks.show_together(context, business)
else:
    identity_blocks.show_people(context, business)
