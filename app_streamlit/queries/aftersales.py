"""Blocks of the after-sales page: why things come back and what that costs (`rpt_returns`)."""

from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.metrics import IN_SCOPE, ask
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

LISTED = 50
_LOSS = MetricQuery(
    metrics=("return_loss", "loss_per_return", "completed_return_count"), where=IN_SCOPE
)


def load_loss(edition: Edition, scope: Scope) -> list[dict[str, Any]]:
    """One row a currency: loss, loss for one return, completed returns."""
    return ask(edition, _LOSS, _months(scope))


@st.cache_data(max_entries=64, show_spinner=False)
def load_reasons(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a reason and currency, the most costly first."""
    if not has_table(edition, "rpt_returns"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            returned.reason_code, reasons.label_en, reasons.label_zh, reasons.responsible,
            returned.currency_code,
            sum(returned.request_count)::bigint as request_count,
            sum(returned.return_count)::bigint as return_count,
            sum(returned.refund_amount) as refund_amount,
            sum(returned.loss_amount) as loss_amount
        from rpt_returns as returned
        left join return_reasons as reasons on returned.reason_code = reasons.reason_code
        where returned.business = $business
          and ($channel is null or returned.channel = $channel)
          and returned.requested_month between $start and $end
        group by all
        order by loss_amount desc, returned.reason_code
        """,
        _months(scope),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_products(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row an article and currency, the most costly first."""
    return frame(
        edition,
        """
        select
            returned.sku, products.name, returned.category, returned.currency_code,
            sum(returned.return_count)::bigint as return_count,
            sum(returned.quantity)::bigint as quantity,
            sum(returned.refund_amount) as refund_amount,
            sum(returned.loss_amount) as loss_amount
        from rpt_returns as returned
        left join dim_products as products
            on returned.business = products.business and returned.sku = products.sku
        where returned.business = $business
          and ($channel is null or returned.channel = $channel)
          and returned.requested_month between $start and $end
          and returned.sku is not null
        group by all
        order by loss_amount desc, returned.sku
        limit $limit
        """,
        {**_months(scope), "limit": LISTED},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_suppliers(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a supplier and currency, the most costly first; empty where nobody says who."""
    return frame(
        edition,
        """
        select
            suppliers.supplier_no, suppliers.name, returned.currency_code,
            sum(returned.return_count)::bigint as return_count,
            sum(returned.loss_amount) as loss_amount
        from rpt_returns as returned
        inner join dim_suppliers as suppliers on returned.supplier_key = suppliers.supplier_key
        where returned.business = $business
          and ($channel is null or returned.channel = $channel)
          and returned.requested_month between $start and $end
        group by all
        order by loss_amount desc, suppliers.supplier_no
        """,
        _months(scope),
    )


def _months(scope: Scope) -> dict[str, Any]:
    """The months that a range of days touches, whole: the report has a row a month."""
    return {**scope.params(), "start": scope.start.replace(day=1)}
