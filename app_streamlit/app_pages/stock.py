"""Stock: what each site has, lacks and holds too long, and what will be asked for."""

import streamlit as st

from app_streamlit.blocks import allocation_blocks, stock_blocks, suggestion_blocks
from app_streamlit.queries.stock import (
    load_sites,
    load_states,
    load_stock_out_rate,
    load_stocked_businesses,
    load_turnover_days,
    load_value,
)
from app_streamlit.ui import address, cards, formats
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import stock_words

context = current()
t = context.t
st.title(t("pages.stock"))
offered = [name for name in load_stocked_businesses(context.edition) if name in context.businesses]
if not offered:
    nothing_here(context, "stock", "empty.no_stock")
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
        variant=f"stock_{t.language}",
    )
counts = stock_words.state_counts(load_states(context.edition, business))
sites = load_sites(context.edition, business)
scope = context.scope(business)
first_line.markdown(
    cards.as_headline(stock_words.headline(context, context.business_label(business), counts))
)
cards.tiles(
    stock_words.tiles(
        context,
        load_value(context.edition, business),
        turnover_days=load_turnover_days(context.edition, scope),
        stock_out_rate=load_stock_out_rate(context.edition, scope),
        period=formats.days(scope.start, scope.end, context.language),
    ),
    key="stock_tiles",
)
view = address.switch(
    "view",
    stock_words.VIEWS,
    stock_words.VIEWS[0],
    label=t("stock.view"),
    format_func=lambda name: t(f"stock.views.{name}"),
    variant=f"stock_{t.language}",
)
if view == "matrix":
    stock_blocks.show_matrix(context, business, sites, counts)
elif view == "orders":
    suggestion_blocks.show_suggestions(context, business, sites)
elif view == "forecast":
    stock_blocks.show_forecast(context, business, sites)
elif view == "ageing":
    stock_blocks.show_ageing(context, business, sites)
elif view == "shortages":
    stock_blocks.show_shortages(context, business, sites)
elif view == "waiting":
    allocation_blocks.show_waiting(context, business, sites)
else:
    stock_blocks.show_moves(context, business, sites)
