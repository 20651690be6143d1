"""Cash: what is owed, since when and by whom, and when the money should arrive."""

from functools import partial

import streamlit as st

from app_streamlit.blocks import cash_blocks
from app_streamlit.charts.money import stacked_bars
from app_streamlit.queries.cash import (
    load_ageing,
    load_dso,
    load_dso_changes,
    load_exposures,
    load_forecast,
    load_invoice_checks,
)
from app_streamlit.ui import cards, formats, navigation, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data, nothing_here
from app_streamlit.words import cash_words

context = current()
t = context.t
edition, channel = context.edition, context.choices.channel
st.title(t("pages.cash"))
shown = 0
for business in context.businesses:
    all_ageing = load_ageing(edition, business, channel)
    all_weeks = load_forecast(edition, business, channel)
    if all_ageing.empty and all_weeks.empty:
        continue
    if shown or len(context.businesses) > 1:
        st.subheader(context.business_label(business))
    shown += 1
    all_dso = load_dso(edition, business, channel)
    all_changes = load_dso_changes(edition, business)
    all_exposures = load_exposures(edition, business, channel)
    currencies = dict.fromkeys([*all_ageing["currency_code"], *all_weeks["currency_code"]])
    for currency in currencies:
        ageing = all_ageing[all_ageing["currency_code"] == currency]
        weeks = all_weeks[all_weeks["currency_code"] == currency]
        exposures = all_exposures[all_exposures["currency_code"] == currency]
        changes = all_changes[all_changes["currency_code"] == currency]
        money = partial(formats.short_money, currency=currency, language=t.language)
        line = cash_words.headline(context, business, currency, ageing, weeks)
        st.markdown(cards.as_headline(line))
        cards.tiles(
            cash_words.tiles(
                context,
                context.scope(business),
                currency,
                ageing=ageing,
                dso=all_dso[all_dso["currency_code"] == currency],
                exposures=exposures,
            ),
            key=f"cash_tiles_{business}_{currency}",
        )
        if not changes.empty and channel is None:
            st.caption(cash_words.dso_sentence(context, changes))
            cash_blocks.show_movers(context, business, currency)
        st.markdown(f"**{t('cash.forecast')}**")
        cards.plot(
            stacked_bars(cash_words.week_parts(context, weeks), value_label=money),
            key=f"forecast_{business}_{currency}",
            alt=t("cash.forecast"),
        )
        st.caption(t("cash.forecast_how"))
        st.markdown(f"**{t('cash.ageing')}**")
        cards.plot(
            stacked_bars(
                [
                    (
                        t("cash.ageing"),
                        [cash_words.bucket_label(context, b) for b in ageing["ageing_bucket"]],
                        list(ageing["open_amount"]),
                    )
                ],
                value_label=money,
                height=240,
            ),
            key=f"ageing_{business}_{currency}",
            alt=t("cash.ageing"),
        )
        if not exposures.empty:
            st.markdown(f"**{t('cash.exposures')}**")
            tables.show_table(
                exposures,
                cash_words.exposure_columns(context, business),
                context,
                key=f"exposures_{business}_{currency}",
                describe=t("cash.exposures"),
                height=380,
            )
    cash_blocks.show_rebates(context, business)
    st.markdown(f"**{t('cash.invoice_checks')}**")
    checks = load_invoice_checks(edition, business, channel)
    if checks.empty:
        no_data(context, "cash.no_findings")
    else:
        tables.show_table(
            checks,
            cash_words.check_columns(context),
            context,
            key=f"checks_{business}",
            describe=t("cash.invoice_checks"),
        )
if shown:
    navigation.link("reconciliation", t("cash.to_reconciliation"), ":material/account_balance:")
else:
    nothing_here(context, "cash", "cash.nothing")
