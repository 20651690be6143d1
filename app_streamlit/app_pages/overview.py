"""Today: what was ordered and kept against targets, what waits for somebody, and the flow."""

from functools import partial

import streamlit as st

from app_streamlit.charts.trend import trend_chart
from app_streamlit.queries.edition import is_only_whole
from app_streamlit.queries.overview import (
    load_by_channel,
    load_daily,
    load_totals,
)
from app_streamlit.ui import address, cards, formats, navigation, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data, nothing_here
from app_streamlit.words import stories, today_words

context = current()
t = context.t
st.title(t("pages.overview"))
if not context.bounds:
    nothing_here(context, "overview", "empty.no_orders")
    st.stop()
if is_only_whole(context.edition, "rpt_channel_daily"):
    cards.headline(t("access.only_whole"))
    st.stop()
cards.headline(stories.overview(context))
waiting = today_words.needs(context)
with st.container(border=True, gap="xsmall", key="needs"):
    st.markdown(t("overview.needs.title", n=len(waiting), count=len(waiting)))
    for need in waiting:
        navigation.link(need.page, need.text, need.icon)

measure = address.switch(
    "view",
    ["net_paid_amount", "order_count"],
    "net_paid_amount",
    label=t("overview.measure"),
    format_func=lambda name: t(f"columns.{name}"),
    variant=t.language,
)

for business in context.businesses:
    scope = context.scope(business)
    totals = load_totals(context.edition, scope)
    st.subheader(context.business_label(business), anchor=business)
    st.caption(t("overview.range", days=formats.days(scope.start, scope.end, t.language)))
    if not totals:
        no_data(context)
        continue
    for currency, now in totals:
        before = dict(load_totals(context.edition, scope.before())).get(currency)
        daily = load_daily(context.edition, scope)
        daily = daily[daily["currency_code"] == currency]
        cards.tiles(
            stories.overview_tiles(
                context, scope, currency, totals=now, before=before, daily=daily
            ),
            key=f"tiles_{business}_{currency}",
            business=business,
        )
        st.caption(stories.comparison_note(context, scope, before))
        if currency == totals[0][0]:
            cards.tiles(
                today_words.index_tiles(context, scope),
                key=f"indices_{business}",
                business=business,
            )
            st.caption(t("overview.indices"))
        cards.plot(
            trend_chart(
                daily,
                measure,
                channel_label=partial(context.channel_label, business=business),
                value_label=partial(stories.measure_text, measure, currency=currency, t=t),
                expected_label=t("overview.expected") if measure == "order_count" else None,
            ),
            key=f"trend_{business}_{currency}",
            alt=t("overview.trend_alt", business=context.business_label(business)),
        )
        by_channel = load_by_channel(context.edition, scope)
        tables.show_table(
            by_channel[by_channel["currency_code"] == currency],
            [
                tables.Column("channel", words=partial(context.channel_label, business=business)),
                tables.Column("order_count", "count"),
                tables.Column("paid_order_count", "count"),
                tables.Column("net_paid_amount", "money"),
                tables.Column("refunded_amount", "money"),
                tables.Column("currency_code", label="currency"),
            ],
            context,
            key=f"channels_{business}_{currency}",
            describe=t("overview.table_alt"),
        )
