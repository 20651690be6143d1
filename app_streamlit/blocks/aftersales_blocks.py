"""Blocks about returns: reasons, articles and suppliers by what they cost."""

from functools import partial

import pandas as pd
import streamlit as st

from app_streamlit.charts.money import pareto_chart
from app_streamlit.queries.aftersales import load_products, load_suppliers
from app_streamlit.ui import cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import aftersales_words as words


def show_returns(context: PageContext, business: str, reasons: pd.DataFrame) -> None:
    """Why things came back to a business and what that cost, by currency, article and supplier."""
    t = context.t
    scope = context.scope(business)
    for currency in dict.fromkeys(reasons["currency_code"]):
        table = words.reason_frame(context, reasons[reasons["currency_code"] == currency])
        cards.plot(
            pareto_chart(
                list(table["reason"]),
                list(table["loss_amount"]),
                list(table["running_share"]),
                value_label=partial(formats.short_money, currency=currency, language=t.language),
                rate_label=formats.rate,
                share_title=t("columns.running_share"),
            ),
            key=f"pareto_{business}_{currency}",
            alt=t("aftersales.pareto_alt"),
        )
        tables.show_table(
            table,
            words.REASON_COLUMNS,
            context,
            key=f"reasons_{business}_{currency}",
            describe=t("aftersales.pareto_alt"),
        )
    st.markdown(f"**{t('aftersales.by_product')}**")
    products = load_products(context.edition, scope)
    if products.empty:
        no_data(context, "aftersales.no_product")
    else:
        tables.show_table(
            products,
            words.PRODUCT_COLUMNS,
            context,
            key=f"products_{business}",
            describe=t("aftersales.by_product"),
            height=380,
        )
    st.markdown(f"**{t('aftersales.by_supplier')}**")
    suppliers = load_suppliers(context.edition, scope)
    if suppliers.empty:
        no_data(context, "aftersales.no_supplier")
    else:
        tables.show_table(
            suppliers,
            words.SUPPLIER_COLUMNS,
            context,
            key=f"suppliers_{business}",
            describe=t("aftersales.by_supplier"),
        )
