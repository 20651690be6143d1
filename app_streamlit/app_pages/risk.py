"""Risk: which open orders and customers need a look, why, and how far the model can be trusted."""

import streamlit as st

from app_streamlit.blocks import risk_blocks
from app_streamlit.queries.risk import (
    load_exposures,
    load_risky_lines,
    load_rule_hits,
    load_suspected_orders,
)
from app_streamlit.ui import address, cards
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import risk_words

context = current()
t = context.t
st.title(t("pages.risk"))
offered = context.businesses
if not offered:
    nothing_here(context, "risk", "risk.nothing")
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
        variant=f"risk_{t.language}",
    )
lines = load_risky_lines(context.edition, business, context.choices.channel)
suspects = load_suspected_orders(context.edition, business, context.choices.channel)
hits = load_rule_hits(context.edition, business)
credit = load_exposures(context.edition, business, context.choices.channel)
first_line.markdown(
    cards.as_headline(
        risk_words.headline(
            context,
            context.business_label(business),
            lines=lines,
            suspects=suspects,
            hits=hits,
            credit=credit,
        )
    )
)
view = address.switch(
    "view",
    risk_words.VIEWS,
    risk_words.VIEWS[0],
    label=t("stock.view"),
    format_func=lambda name: t(f"risk.views.{name}"),
    variant=f"risk_{t.language}",
)
if view == "queue":
    risk_blocks.show_queue(context, lines, suspects, hits, credit)
elif view == "unpaid":
    risk_blocks.show_unpaid(context, business)
elif view == "credit":
    risk_blocks.show_credit(context, business, credit)
else:
    risk_blocks.show_model(context, business)
