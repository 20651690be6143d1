"""Blocks of the overview; figures from `rpt_channel_daily`, which has a row a channel and day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, open_edition, rows
from app_streamlit.queries.metrics import IN_SCOPE, ask
from orchestration.metrics.layer import CURRENCY_CODE, MetricQuery
from orchestration.metrics.scopes import Bounds, Scope, bounds_of

_FIGURES = MetricQuery(
    metrics=(
        "order_count",
        "net_sales",
        "payment_rate",
        "average_order_value",
        "refunded_amount",
        "refund_rate",
        "unit_count",
    ),
    where=IN_SCOPE,
)
_IN_SCOPE = """
    from rpt_channel_daily
    where business = $business
      and ($channel is null or channel = $channel)
      and business_date between $start and $end
"""


@dataclass(frozen=True)
class SourceName:
    """One source: the business it belongs to, and both labels."""

    source: str
    business: str
    label_en: str
    label_zh: str
    business_label_en: str
    business_label_zh: str


@dataclass(frozen=True)
class Channel:
    """One channel of a business, with its labels."""

    business: str
    channel: str
    label_en: str
    label_zh: str
    currency_code: str


@dataclass(frozen=True)
class DataUntil:
    """How new the data of a business are (UTC), and whether they came more than once."""

    last_event_at: datetime | None
    last_received_at: datetime | None
    is_regular: bool


@dataclass(frozen=True)
class Totals:
    """Sums over a scope, and what the same weekdays before lead one to expect."""

    order_count: int
    paid_order_count: int
    unit_count: Decimal
    gross_amount: Decimal
    net_paid_amount: Decimal
    refunded_amount: Decimal
    compared_order_count: int
    expected_order_count: Decimal | None
    first_day: date | None
    last_day: date | None


@st.cache_data(max_entries=8, show_spinner=False)
def load_bounds(edition: Edition) -> dict[str, Bounds]:
    """First day and last day complete on all channels of every business, the newest first."""
    return bounds_of(open_edition(edition))


@st.cache_data(max_entries=8, show_spinner=False)
def load_source_names(edition: Edition) -> list[SourceName]:
    """All sources with their businesses and labels."""
    if not has_table(edition, "dim_sources"):
        return []
    found = rows(
        edition,
        "select source, business, label_en, label_zh, business_label_en, business_label_zh "
        "from dim_sources order by source",
    )
    return [SourceName(**row) for row in found]


@st.cache_data(max_entries=8, show_spinner=False)
def load_channels(edition: Edition) -> list[Channel]:
    """All channels with sales, once a business, whatever sources feed them; none on credit only."""
    if not has_table(edition, "dim_channels"):
        return []
    days = "rpt_channel_daily"
    if not has_table(edition, days):
        days = "fct_orders where order_type = 'sale'"
    found = rows(
        edition,
        "select business, channel, label_en, label_zh, currency_code from dim_channels "  # noqa: S608
        f"where has_orders and (business, channel) in (select business, channel from {days}) "
        "qualify row_number() over (partition by business, channel "
        "order by is_listed desc, source) = 1 order by business, channel",
    )
    return [Channel(**row) for row in found]


@st.cache_data(max_entries=8, show_spinner=False)
def load_named_channels(edition: Edition) -> list[Channel]:
    """All channels with a name, those on credit only too."""
    if not has_table(edition, "dim_channels"):
        return []
    found = rows(
        edition,
        "select business, channel, label_en, label_zh, currency_code from dim_channels "
        "qualify row_number() over (partition by business, channel "
        "order by is_listed desc, source) = 1 order by business, channel",
    )
    return [Channel(**row) for row in found]


@st.cache_data(max_entries=256, show_spinner=False)
def load_totals(edition: Edition, scope: Scope) -> list[tuple[str, Totals]]:
    """Totals of a scope, one entry a currency, most orders first; empty without days."""
    found = rows(
        edition,
        "select currency_code, sum(order_count)::bigint as order_count, "
        "sum(paid_order_count)::bigint as paid_order_count, sum(unit_count) as unit_count, "
        "sum(gross_amount) as gross_amount, sum(net_paid_amount) as net_paid_amount, "
        "sum(refunded_amount) as refunded_amount, "
        "coalesce(sum(order_count) filter (where expected_order_count is not null), 0)::bigint "
        "as compared_order_count, "
        "sum(expected_order_count) as expected_order_count, "
        "min(business_date) as first_day, max(business_date) as last_day "
        + _IN_SCOPE
        + " group by currency_code order by sum(order_count) desc, currency_code",
        scope.params(),
    )
    return [(str(row.pop("currency_code")), Totals(**row)) for row in found]


def load_figures(edition: Edition, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """The headline metrics of a scope by currency; empty where they cannot be known."""
    return {str(row[CURRENCY_CODE]): row for row in ask(edition, _FIGURES, scope.params())}


@st.cache_data(max_entries=256, show_spinner=False)
def load_daily(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a channel and day of the scope, in the order of time."""
    return frame(
        edition,
        "select business_date, channel, currency_code, order_count, paid_order_count, "
        "net_paid_amount, refunded_amount, gross_amount, unit_count, expected_order_count, "
        "is_complete_day " + _IN_SCOPE + " order by business_date, channel",
        scope.params(),
    )


@st.cache_data(max_entries=256, show_spinner=False)
def load_by_channel(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a channel of the scope, the one with the most net sales first."""
    return frame(
        edition,
        "select channel, currency_code, sum(order_count)::bigint as order_count, "
        "sum(paid_order_count)::bigint as paid_order_count, "
        "sum(net_paid_amount) as net_paid_amount, sum(refunded_amount) as refunded_amount "
        + _IN_SCOPE
        + " group by all order by net_paid_amount desc, channel",
        scope.params(),
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_data_until(edition: Edition) -> dict[str, DataUntil]:
    """How new the data of every business are.

    Nothing is known before it was received: a later time of an event is a clock that goes wrong.
    """
    if not has_table(edition, "rpt_source_freshness"):
        return {}
    found = rows(
        edition,
        "select business, max(least(last_event_at, last_received_at)) as last_event_at, "
        "max(last_received_at) as last_received_at, max(load_count) > 1 as is_regular "
        "from rpt_source_freshness join dim_sources using (source) group by business",
    )
    return {str(row.pop("business")): DataUntil(**row) for row in found}
