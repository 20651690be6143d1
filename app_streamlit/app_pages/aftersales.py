"""After-sales: why goods and money go back and what that costs, and how satisfied people are."""

from contextlib import nullcontext

import streamlit as st

from app_streamlit.blocks import aftersales_blocks, satisfaction_blocks
from app_streamlit.queries.aftersales import load_loss, load_reasons
from app_streamlit.queries.satisfaction import load_answers
from app_streamlit.ui import address, cards, formats
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data, nothing_here
from app_streamlit.words import aftersales_words, satisfaction_words

context = current()
t = context.t
st.title(t("pages.aftersales"))
scopes = {business: context.scope(business) for business in context.businesses}
first_line = st.container()
view = address.switch(
    "view",
    aftersales_words.VIEWS,
    aftersales_words.VIEWS[0],
    label=t("health.view"),
    format_func=lambda name: t(f"aftersales.views.{name}"),
    variant=f"aftersales_{t.language}",
)
load = load_answers if view == "satisfaction" else load_reasons
found = {business: load(context.edition, scope) for business, scope in scopes.items()}
shown = [business for business, rows in found.items() if not rows.empty]
for business in shown:
    rows, scope = found[business], scopes[business]
    with first_line if business == shown[0] else nullcontext():
        if len(context.businesses) > 1:
            st.subheader(context.business_label(business))
        if view == "satisfaction":
            said = satisfaction_words.headline(context, business, rows)
        else:
            loss = load_loss(context.edition, scope)
            said = aftersales_words.headline(context, business, rows, loss)
        st.markdown(cards.as_headline(said))
    days = formats.days(scope.start, scope.end, t.language)
    if view == "satisfaction":
        st.caption(t("satisfaction.range", days=days))
        satisfaction_blocks.show_satisfaction(context, business, rows)
    else:
        st.caption(t("aftersales.range", days=days))
        aftersales_blocks.show_returns(context, business, rows)
if not shown:
    with first_line:
        if view == "satisfaction":
            cards.headline(t("satisfaction.nothing"))
        else:
            nothing_here(context, "aftersales", "aftersales.nothing")
    if view == "satisfaction":
        no_data(context, "satisfaction.what_to_do")
