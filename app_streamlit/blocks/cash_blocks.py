"""Blocks of the cash page: who moved the days sales outstanding, and what partners have earned."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.cash import load_dso_customers, load_rebates
from app_streamlit.ui import cards, downloads, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.words import cash_words


def show_movers(context: PageContext, business: str, currency: str) -> None:
    """The customers who together make four fifths of the change of the DSO."""
    t = context.t
    customers = load_dso_customers(context.edition, business)
    customers = customers[customers["currency_code"] == currency]
    shown = cash_words.movers(customers) if len(customers) else pd.DataFrame()
    if shown.empty:
        return
    st.markdown(f"**{t('cash.movers_title')}**")
    st.markdown(cards.escape(cash_words.movers_sentence(context, shown, customers, currency)))
    tables.show_table(
        shown,
        cash_words.MOVER_COLUMNS,
        context,
        key=f"movers_{business}_{currency}",
        describe=t("cash.movers_title"),
        height=380,
    )


def show_rebates(context: PageContext, business: str) -> None:
    """What each partner has earned by tier in a period; the sum is the accrual."""
    t = context.t
    found = load_rebates(context.edition, business, context.choices.channel)
    if found.empty:
        return
    st.markdown(f"**{t('cash.rebates')}**")
    periods = list(dict.fromkeys(zip(found["period_start"], found["currency_code"], strict=True)))
    period, currency = st.selectbox(
        t("cash.period"),
        periods,
        format_func=lambda pair: f"{formats.day(pair[0], t.language)} · {pair[1]}",
        key=f"rebates_{business}_{t.language}",
        width=320,
    )
    statement = found[(found["period_start"] == period) & (found["currency_code"] == currency)]
    st.markdown(cards.escape(cash_words.rebate_sentence(context, statement, currency)))
    columns = cash_words.rebate_columns(context, business)
    tables.show_table(
        statement,
        columns,
        context,
        key=f"rebates_table_{business}",
        describe=t("cash.rebates"),
        height=300,
    )
    downloads.offer(
        lambda: statement,
        columns,
        context,
        name=f"fourflow-rebates-{period}",
        key=f"rebates_file_{business}",
    )
