"""Parcels: what is stuck or late, how carriers do, what sending costs, how warehouses keep up."""

import streamlit as st

from app_streamlit.blocks import parcel_blocks
from app_streamlit.queries.parcels import (
    load_carriers,
    load_late_parcels,
    load_promises,
    load_shipping_businesses,
)
from app_streamlit.queries.stock import load_sites
from app_streamlit.ui import address, cards
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import parcel_words

context = current()
t = context.t
st.title(t("pages.parcels"))
offered = [name for name in load_shipping_businesses(context.edition) if name in context.businesses]
if not offered:
    nothing_here(context, "parcels", "empty.no_parcels")
    st.stop()
first_line = st.container()
business = offered[0]
if len(offered) > 1:
    business = address.switch(
        "shop",
        offered,
        offered[0],
        label=t("filters.business"),
        format_func=context.business_label,
        variant=f"parcels_{t.language}",
    )
carriers = load_carriers(context.edition)
sites = load_sites(context.edition, business)
late = load_late_parcels(context.edition, business, context.choices.channel)
promises = load_promises(context.edition, context.scope(business))
first_line.markdown(
    cards.as_headline(
        parcel_words.headline(context, context.business_label(business), late, promises)
    )
)
view = address.switch(
    "view",
    parcel_words.VIEWS,
    parcel_words.VIEWS[0],
    label=t("stock.view"),
    format_func=lambda name: t(f"parcels.views.{name}"),
    variant=f"parcels_{t.language}",
)
if view == "late":
    parcel_blocks.show_late(context, business, late, carriers, sites)
elif view == "predicted":
    parcel_blocks.show_predicted(context, business, carriers, sites)
elif view == "carriers":
    parcel_blocks.show_carriers(context, business, carriers)
elif view == "costs":
    parcel_blocks.show_costs(context, business, carriers, sites)
else:
    parcel_blocks.show_warehouses(context, business, sites)
