"""Blocks of the cash page: what is owed, for how long, by whom, and when it should arrive."""

from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.metrics import ask
from orchestration.metrics.layer import MetricQuery

_DSO = MetricQuery(
    metrics=("days_sales_outstanding",),
    by=("month",),
    where=("business = $business", "($channel is null or channel = $channel)"),
)


def load_dso(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a month and currency that is over: days sales outstanding."""
    found: list[dict[str, Any]] = ask(edition, _DSO, {"business": business, "channel": channel})
    found = [row for row in found if row["days_sales_outstanding"] is not None]
    found.sort(key=_month)
    return pd.DataFrame(found, columns=["month", "currency_code", "days_sales_outstanding"])


def _month(row: dict[str, Any]) -> Any:
    return row["month"]


@st.cache_data(max_entries=64, show_spinner=False)
def load_ageing(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row an ageing bucket and currency, what is not due first."""
    if not has_table(edition, "rpt_receivables_ageing"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            ageing_bucket, bucket_number, currency_code, max(as_of_date) as as_of_date,
            sum(invoice_count)::bigint as invoice_count, sum(open_amount) as open_amount
        from rpt_receivables_ageing
        where business = $business and ($channel is null or channel = $channel)
        group by ageing_bucket, bucket_number, currency_code
        order by bucket_number, currency_code
        """,
        {"business": business, "channel": channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_dso_changes(edition: Edition, business: str) -> pd.DataFrame:
    """One row a component and currency of the newest month: by how many days it moved the DSO."""
    return frame(
        edition,
        """
        select month_end, currency_code, component, changed_days
        from rpt_dso_changes
        where business = $business
        qualify month_end = max(month_end) over (partition by currency_code)
        order by currency_code, component
        """,
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_dso_customers(edition: Edition, business: str) -> pd.DataFrame:
    """One row a customer and currency of the newest month, who moved the DSO most first."""
    if not has_table(edition, "rpt_dso_customers"):
        return pd.DataFrame(columns=["currency_code"])
    return frame(
        edition,
        """
        select
            month_end, currency_code, customer_key, open_amount, open_amount_before,
            overdue_amount, changed_days
        from rpt_dso_customers
        where business = $business
        qualify month_end = max(month_end) over (partition by currency_code)
        order by currency_code, abs(changed_days) desc, customer_key
        """,
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_rebates(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a partner, period and tier reached: what it rests on and what is accrued."""
    if not has_table(edition, "fct_rebate_accruals"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            period_start, channel, customer_key, tier_amount_from, rebate_rate,
            agreement_version, currency_code, count(*)::bigint as invoice_count,
            sum(invoiced_amount) as invoiced_amount, sum(accrued_amount) as accrued_amount
        from fct_rebate_accruals
        where business = $business and ($channel is null or channel = $channel)
        group by all
        order by period_start desc, accrued_amount desc, customer_key
        """,
        {"business": business, "channel": channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_exposures(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a customer on credit, who is over the limit first, then the largest exposure."""
    return frame(
        edition,
        """
        select
            customer_key, channel, open_receivable_amount, open_order_amount, unapplied_amount,
            exposure_amount, credit_limit, headroom_amount, is_over_limit, currency_code
        from fct_customer_exposures
        where business = $business and ($channel is null or channel = $channel)
        order by is_over_limit desc, exposure_amount desc, customer_key
        """,
        {"business": business, "channel": channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_invoice_checks(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a check and currency with a finding: invoiced twice, shipped and not invoiced."""
    return frame(
        edition,
        """
        select
            'invoiced_twice' as invoice_check, currency_code, count(*) as found_count,
            sum(amount) as amount
        from fct_invoiced_twice
        where business = $business and ($channel is null or channel = $channel)
        group by currency_code
        union all
        select
            'shipped_not_invoiced' as invoice_check, currency_code, count(*) as found_count,
            sum(gross_amount) as amount
        from fct_shipped_not_invoiced
        where business = $business and ($channel is null or channel = $channel)
        group by currency_code
        order by invoice_check, currency_code
        """,
        {"business": business, "channel": channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_forecast(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a week, kind of money and currency; late money has `is_late`."""
    if not has_table(edition, "rpt_cash_forecast"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            money.forecast_kind, money.expected_week, money.is_late, money.currency_code,
            flows.label_en, flows.label_zh,
            sum(money.item_count)::bigint as item_count,
            sum(money.expected_amount) as expected_amount
        from rpt_cash_forecast as money
        left join conservation_flows as flows on money.forecast_kind = flows.flow
        where money.business = $business and ($channel is null or money.channel = $channel)
        group by all
        order by money.expected_week, money.forecast_kind
        """,
        {"business": business, "channel": channel},
    )
