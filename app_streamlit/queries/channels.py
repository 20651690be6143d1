"""Blocks of the channels page: what each channel brings, keeps and breaks."""

from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.metrics import IN_SCOPE, ask
from app_streamlit.queries.rates import relative_change
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

COMPONENTS = (
    "gross_amount",
    "discount_amount",
    "returns_amount",
    "fee_amount",
    "freight_amount",
    "handling_amount",
    "cost_of_goods_amount",
    "rebate_amount",
)
PRICES_LISTED = 50
_SALES = MetricQuery(
    metrics=("order_count", "wholesale_order_count", "buyer_count"), by=("channel",), where=IN_SCOPE
)
_SELF_SERVICE = MetricQuery(metrics=("self_service_order_share",), by=("channel",), where=IN_SCOPE)
_MARGIN = MetricQuery(metrics=("contribution_margin_rate",), by=("channel",), where=IN_SCOPE)
_PROMISE = MetricQuery(metrics=("on_time_delivery_rate",), by=("channel",), where=IN_SCOPE)
_SPEED = MetricQuery(metrics=("speed_index",), by=("channel",), where=IN_SCOPE)
_DSO = MetricQuery(
    metrics=("days_sales_outstanding",),
    by=("channel", "month"),
    where=("business = $business", "($channel is null or channel = $channel)"),
)
_PRICES = MetricQuery(
    metrics=("average_selling_price", "sold_quantity"), by=("sku", "channel"), where=IN_SCOPE
)


@st.cache_data(max_entries=64, show_spinner=False)
def load_margins(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a channel and currency with the components of its margin, which add up to it."""
    if not has_table(edition, "rpt_channel_margin_daily"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            channel, currency_code, sum(order_count)::bigint as order_count,
            sum(gross_amount) as gross_amount, sum(discount_amount) as discount_amount,
            sum(returns_amount) as returns_amount, sum(fee_amount) as fee_amount,
            sum(freight_amount) as freight_amount, sum(handling_amount) as handling_amount,
            sum(cost_of_goods_amount) as cost_of_goods_amount,
            sum(rebate_amount) as rebate_amount, sum(margin_amount) as margin_amount,
            sum(uncosted_amount) as uncosted_amount
        from rpt_channel_margin_daily
        where business = $business
          and ($channel is null or channel = $channel)
          and business_date between $start and $end
        group by channel, currency_code
        order by margin_amount desc, channel
        """,
        scope.params(),
    )


def load_figures(edition: Edition, scope: Scope) -> dict[str, dict[str, Any]]:
    """The metrics of every channel by their names; days sales outstanding of the newest month."""
    found: dict[str, dict[str, Any]] = {}
    for query in (_SALES, _SELF_SERVICE, _MARGIN, _PROMISE, _SPEED):
        for row in ask(edition, query, scope.params()):
            found.setdefault(str(row["channel"]), {}).update(row)
    months = ask(edition, _DSO, {"business": scope.business, "channel": scope.channel})
    for row in sorted(months, key=lambda row: row["month"]):
        found.setdefault(str(row["channel"]), {}).update(row)
    return found


@st.cache_data(max_entries=64, show_spinner=False)
def load_violations(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a channel, kind and currency of price violations, the most costly first."""
    if not has_table(edition, "fct_price_violations"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            channel, violation_type, currency_code, count(*) as line_count,
            count(distinct order_key) as order_count, count(distinct sku) as sku_count,
            sum(unit_difference * quantity)::decimal(18, 2) as difference_amount
        from fct_price_violations
        where business = $business
          and ($channel is null or channel = $channel)
          and created_on between $start and $end
        group by channel, violation_type, currency_code
        order by abs(difference_amount) desc, channel
        """,
        scope.params(),
    )


def load_price_spreads(edition: Edition, scope: Scope) -> pd.DataFrame:
    """Articles sold in two channels or more, the largest difference of their prices first."""
    articles: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in ask(edition, _PRICES, scope.params()):
        if row["average_selling_price"] is not None:
            articles.setdefault((str(row["sku"]), str(row["currency_code"])), []).append(row)
    spreads = []
    for (sku, currency), rows in articles.items():
        ordered = sorted(rows, key=lambda row: row["average_selling_price"])
        low, high = ordered[0], ordered[-1]
        spread = relative_change(high["average_selling_price"], low["average_selling_price"])
        if len(ordered) > 1 and spread:
            spreads.append(
                {
                    "sku": sku,
                    "currency_code": currency,
                    "lowest_channel": low["channel"],
                    "lowest_price": low["average_selling_price"],
                    "highest_channel": high["channel"],
                    "highest_price": high["average_selling_price"],
                    "price_spread": spread,
                }
            )
    spreads.sort(key=lambda row: (-row["price_spread"], row["sku"]))
    return pd.DataFrame(spreads[:PRICES_LISTED])


@st.cache_data(max_entries=64, show_spinner=False)
def load_shared_oversells(edition: Edition, business: str) -> pd.DataFrame:
    """Articles that channels sold out of one stock beyond it, still open, the most first."""
    if not has_table(edition, "fct_oversells"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select sku, site, started_on, channel_count, last_oversold_quantity as oversold_quantity
        from fct_oversells
        where business = $business and is_open and cause = 'shared_pool'
        order by last_oversold_quantity desc, sku
        """,
        {"business": business},
    )
