"""Reconciliation: orders, payments, settlements and the bank, and what lies between them."""

import streamlit as st

from app_streamlit.blocks import sign_off_blocks
from app_streamlit.queries.reconciliation import ITEMS, load_buckets, load_items, load_unknown
from app_streamlit.ui import acts, address, cards, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import reconciliation_words

context = current()
t = context.t
st.title(t("pages.reconciliation"))
found = {
    business: buckets
    for business in context.businesses
    if not (buckets := load_buckets(context.edition, context.scope(business))).empty
}
if not found:
    nothing_here(context, "reconciliation", "reconciliation.nothing")
    st.stop()
business = next(iter(found))
first_line = st.container()
if len(found) > 1:
    business = address.switch(
        "view",
        list(found),
        business,
        label=t("filters.business"),
        format_func=context.business_label,
        variant=f"reconciliation_{t.language}",
    )
scope, buckets = context.scope(business), found[business]
unknown = load_unknown(context.edition, scope)
first_line.markdown(
    cards.as_headline(reconciliation_words.headline(context, business, buckets, unknown))
)
acts.tell()
st.caption(t("reconciliation.range", days=formats.days(scope.start, scope.end, t.language)))
tables.show_table(
    reconciliation_words.bucket_frame(context, buckets),
    reconciliation_words.BUCKET_COLUMNS,
    context,
    key="buckets_table",
    describe=t("reconciliation.table_alt"),
    height=720,
)
offered = reconciliation_words.differences(context, buckets)
chosen = address.choice(
    "bucket",
    list(offered),
    next(iter(offered)),
    lambda key: st.selectbox(
        t("reconciliation.items_of"),
        list(offered),
        format_func=lambda name: offered[name],
        key=key,
        width=480,
    ),
    variant=f"{t.language}_{business}",
)
comparison, _, bucket = chosen.partition(":")
items = load_items(context.edition, scope, comparison, bucket)
tables.show_table(
    items,
    reconciliation_words.item_columns(context),
    context,
    key="items_table",
    describe=t("reconciliation.items_alt"),
    height=420,
)
if len(items) >= ITEMS:
    st.caption(t("reconciliation.first_shown", count=formats.count(ITEMS)))
sign_off_blocks.show_days(context, business, buckets)
