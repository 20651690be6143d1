"""What customers should bring (`ml.customer_values`), and how well that was foretold before."""

from decimal import Decimal

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows

VALUED_SHOWN = 200


@st.cache_data(max_entries=64, show_spinner=False)
def load_value_segments(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    """One row a segment of the newest date: customers, and what they should buy and bring.

    Without segments of people in sight, all are in one row of segment `none`.
    """
    if not has_table(edition, "customer_values"):
        return pd.DataFrame()
    segments = (
        "select business, person_key, rfm_segment from fct_person_segments where is_current"
        if has_table(edition, "fct_person_segments")
        else "select '' as business, '' as person_key, '' as rfm_segment where false"
    )
    return frame(
        edition,
        f"""
        select
            coalesce(segments.rfm_segment, 'none') as rfm_segment,
            count(*) as customer_count,
            sum(worth.probability_alive) as active_count,
            sum(worth.expected_purchases) as expected_purchases,
            sum(worth.expected_value) as expected_value,
            any_value(worth.currency_code) as currency_code,
            any_value(worth.horizon_days) as horizon_days
        from customer_values as worth
        left join ({segments}) as segments
            on segments.business = worth.business and segments.person_key = worth.person_key
        where worth.business = $business and worth.currency_code = $currency
        group by 1
        order by expected_value desc, 1
        """,  # noqa: S608 (our own selects)
        {"business": business, "currency": currency},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_best_tenth(
    edition: Edition, business: str, currency: str
) -> tuple[Decimal | None, Decimal | None]:
    """Expected value of the tenth of customers worth most, and of all."""
    (found,) = rows(
        edition,
        """
        select
            sum(expected_value) filter (where place <= greatest(1, round(people / 10.0))) as best,
            sum(expected_value) as total
        from (
            select
                expected_value,
                count(*) over () as people,
                row_number() over (order by expected_value desc, person_key) as place
            from customer_values where business = $business and currency_code = $currency
        )
        """,
        {"business": business, "currency": currency},
    )
    return found["best"], found["total"]


@st.cache_data(max_entries=64, show_spinner=False)
def load_most_worth(
    edition: Edition, business: str, currency: str, limit: int | None = VALUED_SHOWN
) -> pd.DataFrame:
    """The customers who should bring most, the first on top; all without a limit."""
    return frame(
        edition,
        """
        select
            person_key, channel, age_days - recency_days as days_since, frequency + 1 as bought,
            mean_amount, probability_alive, purchase_probability, expected_purchases,
            expected_value, currency_code
        from customer_values
        where business = $business and currency_code = $currency
        order by expected_value desc, person_key
        limit $limit
        """,
        {"business": business, "currency": currency, "limit": limit or 2**62},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_value_figures(edition: Edition, business: str, currency: str) -> pd.DataFrame:
    """Figures of the days that were foretold without having been seen, each with its baseline."""
    if not has_table(edition, "customer_value_evaluations"):
        return pd.DataFrame()
    return frame(
        edition,
        "select metric, value, baseline_name, baseline_value, row_count, "
        "(window_start at time zone 'UTC')::date as first_day, "
        "(window_end at time zone 'UTC')::date - 1 as last_day from customer_value_evaluations "
        "where business = $business and currency_code = $currency order by metric",
        {"business": business, "currency": currency},
    )
