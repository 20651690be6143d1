"""Blocks of the customers page: `rpt_rfm_segments`, the seed `rfm_segments`, `dim_customers`."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from app_streamlit.queries.metrics import ask
from orchestration.metrics.layer import MetricQuery

_WORTH = MetricQuery(
    metrics=("net_sales_per_customer",),
    by=("rfm_segment",),
    where=("business = $business", "currency_code = $currency"),
)


@st.cache_data(max_entries=64, show_spinner=False)
def load_currencies(edition: Edition, business: str) -> list[str]:
    """Currencies of the customers of a business, the one with most customers first."""
    if not has_table(edition, "rpt_rfm_segments"):
        return []
    found = rows(
        edition,
        "select currency_code from rpt_rfm_segments where business = $business "
        "group by currency_code order by sum(customer_count) desc, currency_code",
        {"business": business},
    )
    return [str(row["currency_code"]) for row in found]


@st.cache_data(max_entries=64, show_spinner=False)
def load_segment_cells(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    """One row a segment, recency score and frequency score of the customers in one currency."""
    return frame(
        edition,
        "select rfm_segment, recency_score, frequency_score, currency_code, "
        "customer_count, monetary_amount from rpt_rfm_segments "
        "where business = $business and currency_code = $currency "
        "order by rfm_segment, recency_score, frequency_score",
        {"business": business, "currency": currency},
    )


def load_segments(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    """One row a segment in one currency, the largest first: customers, net sales, for one."""
    answer = ask(edition, _WORTH, {"business": business, "currency": currency})
    worth = {row["rfm_segment"]: row["net_sales_per_customer"] for row in answer}
    segments = _load_segment_sums(edition, business, currency)
    found: list[object] = [worth.get(name) for name in segments["rfm_segment"]]
    return segments.assign(amount_per_customer=pd.Series(found, index=segments.index, dtype=object))


@st.cache_data(max_entries=64, show_spinner=False)
def _load_segment_sums(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    return frame(
        edition,
        "select rfm_segment, currency_code, sum(customer_count)::bigint as customer_count, "
        "sum(monetary_amount) as monetary_amount from rpt_rfm_segments "
        "where business = $business and currency_code = $currency "
        "group by all order by monetary_amount desc, rfm_segment",
        {"business": business, "currency": currency},
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_segment_labels(edition: Edition) -> dict[str, dict[str, object]]:
    """The seed's row of every segment: labels and descriptions."""
    if not has_table(edition, "rfm_segments"):
        return {}
    return {str(row["segment"]): row for row in rows(edition, "select * from rfm_segments")}


@st.cache_data(max_entries=64, show_spinner=False)
def load_top_customers(
    edition: Edition, business: str, currency: str, segment: str, limit: int = 100
) -> pd.DataFrame:
    """The customers of a segment with the highest net sales in one currency."""
    return frame(
        edition,
        "select customer_key, channel, rfm_recency, rfm_frequency, rfm_monetary, currency_code, "
        "first_order_at, last_order_at from dim_customers "
        "where business = $business and currency_code = $currency and rfm_segment = $segment "
        "order by rfm_monetary desc, customer_key limit $limit",
        {"business": business, "currency": currency, "segment": segment, "limit": limit},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_movements(edition: Edition, business: str) -> pd.DataFrame:
    """One row a segment before and now: people of the newest date against the one before."""
    if not has_table(edition, "rpt_rfm_movements"):
        return pd.DataFrame()
    return frame(
        edition,
        "select as_of_date, previous_date, from_segment, to_segment, person_count "
        "from rpt_rfm_movements where business = $business and as_of_date = "
        "(select max(as_of_date) from rpt_rfm_movements where business = $business) "
        "order by person_count desc, from_segment, to_segment",
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_cohorts(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    """One row a month of the first purchase and months since: people who bought, and of how many.

    Months that are not over yet are left out: they would look like people who stayed away.
    """
    if not has_table(edition, "fct_customer_cohorts"):
        return pd.DataFrame()
    return frame(
        edition,
        "select cohort_month, months_since, "
        "sum(cohort_person_count)::bigint as cohort_person_count, "
        "sum(active_person_count)::bigint as active_person_count, "
        "sum(cumulative_net_amount) as cumulative_net_amount from fct_customer_cohorts "
        "where business = $business and currency_code = $currency and is_complete "
        "group by all order by cohort_month, months_since",
        {"business": business, "currency": currency},
    )
