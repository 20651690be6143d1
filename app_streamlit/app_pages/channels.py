"""Channels: sales, margin, customers, promises and prices side by side."""

from functools import partial

import streamlit as st

from app_streamlit.charts.money import waterfall_chart
from app_streamlit.queries.channels import (
    load_figures,
    load_margins,
    load_price_spreads,
    load_shared_oversells,
    load_violations,
)
from app_streamlit.queries.stock import load_sites, load_turnover_days
from app_streamlit.ui import cards, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data, nothing_here
from app_streamlit.words import channel_words

context = current()
t = context.t
st.title(t("pages.channels"))
shown = 0
for business in context.businesses:
    scope = context.scope(business)
    all_margins = load_margins(context.edition, scope)
    if all_margins.empty:
        continue
    if shown or len(context.businesses) > 1:
        st.subheader(context.business_label(business))
    shown += 1
    figures = load_figures(context.edition, scope)
    for currency in dict.fromkeys(all_margins["currency_code"]):
        margins = all_margins[all_margins["currency_code"] == currency]
        money = partial(formats.short_money, currency=currency, language=t.language)
        line = channel_words.headline(context, business, margins)
        line += channel_words.thinnest(context, business, figures)
        line += channel_words.self_service(context, business, figures)
        st.markdown(cards.as_headline(line))
        st.caption(t("channels_page.range", days=formats.days(scope.start, scope.end, t.language)))
        if not channel_words.is_margin_hidden(margins):
            names, amounts = channel_words.waterfall(context, margins)
            cards.plot(
                waterfall_chart(
                    names, amounts, total_label=t("channels_page.margin"), value_label=money
                ),
                key=f"waterfall_{business}_{currency}",
                alt=t("channels_page.waterfall_alt"),
            )
        tables.show_table(
            channel_words.side_by_side(margins, figures),
            channel_words.side_columns(context, business),
            context,
            key=f"channels_{business}_{currency}",
            describe=t("channels_page.side_alt"),
        )
    turnover = load_turnover_days(context.edition, scope)
    if turnover is not None:
        st.caption(t("channels_page.turnover", count=f"{turnover:.1f}"))
    st.markdown(f"**{t('channels_page.violations.title')}**")
    violations = load_violations(context.edition, scope)
    if violations.empty:
        no_data(context, "channels_page.violations.none")
    else:
        tables.show_table(
            violations,
            channel_words.violation_columns(context, business),
            context,
            key=f"violations_{business}",
            describe=t("channels_page.violations.title"),
        )
    st.markdown(f"**{t('channels_page.prices')}**")
    spreads = load_price_spreads(context.edition, scope)
    if spreads.empty:
        no_data(context, "channels_page.no_spread")
    else:
        st.caption(t("channels_page.prices_how"))
        tables.show_table(
            spreads,
            channel_words.spread_columns(context, business),
            context,
            key=f"spreads_{business}",
            describe=t("channels_page.prices"),
            height=340,
        )
    oversells = load_shared_oversells(context.edition, business)
    if not oversells.empty:
        st.markdown(f"**{t('channels_page.stock')}**")
        tables.show_table(
            oversells,
            channel_words.oversell_columns(load_sites(context.edition, business)),
            context,
            key=f"oversells_{business}",
            describe=t("channels_page.stock"),
            height=300,
        )
if not shown:
    nothing_here(context, "channels", "channels_page.nothing")
