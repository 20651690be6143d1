"""Blocks of the overview; all from `rpt_channel_daily`, which has a row a channel and day."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from app_streamlit.queries.scope import Bounds, Scope

_IN_SCOPE = """
    from rpt_channel_daily
    where source = $source
      and ($channel is null or channel = $channel)
      and business_date between $start and $end
"""


@dataclass(frozen=True)
class Channel:
    """One channel of a source, with its labels."""

    source: str
    channel: str
    label_en: str
    label_zh: str
    currency_code: str


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
    """First and last complete day of every source, the source with the newest day first."""
    if not has_table(edition, "rpt_channel_daily"):
        return {}
    found = rows(
        edition,
        """
        select
            source,
            min(business_date) as first_day,
            coalesce(
                max(business_date) filter (where is_complete_day), max(business_date)
            ) as last_day
        from rpt_channel_daily
        group by source
        order by last_day desc, source
        """,
    )
    return {row["source"]: Bounds(row["first_day"], row["last_day"]) for row in found}


@st.cache_data(max_entries=8, show_spinner=False)
def load_channels(edition: Edition) -> list[Channel]:
    """All channels that took an order, with their labels."""
    if not has_table(edition, "dim_channels"):
        return []
    found = rows(
        edition,
        "select source, channel, label_en, label_zh, currency_code from dim_channels "
        "order by source, channel",
    )
    return [Channel(**row) for row in found]


@st.cache_data(max_entries=256, show_spinner=False)
def load_totals(edition: Edition, scope: Scope) -> list[tuple[str, Totals]]:
    """Totals of a scope, one entry a currency; empty when the scope has no day with orders."""
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
        + " group by currency_code order by currency_code",
        scope.params(),
    )
    return [(str(row.pop("currency_code")), Totals(**row)) for row in found]


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
def load_data_until(edition: Edition) -> dict[str, tuple[datetime | None, datetime | None]]:
    """For every source: its last event and when something was last received from it (UTC)."""
    if not has_table(edition, "rpt_source_freshness"):
        return {}
    found = rows(
        edition,
        "select source, max(last_event_at) as last_event_at, "
        "max(last_received_at) as last_received_at from rpt_source_freshness group by source",
    )
    return {row["source"]: (row["last_event_at"], row["last_received_at"]) for row in found}
