"""What is expected to be demanded, how good that was in the back-test, and what sold before."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table

HISTORY_DAYS = 56


@st.cache_data(max_entries=16, show_spinner=False)
def load_forecast_articles(edition: Edition, business: str) -> pd.DataFrame:
    """Articles with a forecast, those with most expected demand first."""
    if not has_table(edition, "demand_forecasts"):
        return pd.DataFrame(columns=["sku", "name", "expected_quantity"])
    return frame(
        edition,
        """
        with articles as (
            select sku, any_value(name) as name from rpt_stock_matrix
            where business = $business group by sku
        )
        select forecasts.sku, articles.name, sum(forecasts.expected_quantity) as expected_quantity
        from demand_forecasts as forecasts
        left join articles on forecasts.sku = articles.sku
        where forecasts.business = $business
        group by forecasts.sku, articles.name
        order by expected_quantity desc, forecasts.sku
        """,
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_forecast(edition: Edition, business: str, sku: str) -> pd.DataFrame:
    """One row a future day: expected units and the interval that should hold four in five."""
    return frame(
        edition,
        "select origin_date, forecast_date, expected_quantity, lower_quantity, upper_quantity, "
        "method, model_version from demand_forecasts "
        "where business = $business and sku = $sku order by forecast_date",
        {"business": business, "sku": sku},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_demand_history(
    edition: Edition, business: str, sku: str, days: int = HISTORY_DAYS
) -> pd.DataFrame:
    """One row a day up to the forecast's first: units demanded, days without any included."""
    return frame(
        edition,
        """
        with origin as (
            select max(origin_date) as day from demand_forecasts
            where business = $business and sku = $sku
        ),
        calendar as (
            select unnest(
                generate_series(day - ($days - 1)::int, day, interval 1 day)
            )::date as business_date
            from origin
        )
        select calendar.business_date, coalesce(sum(demand.quantity), 0)::bigint as quantity
        from calendar
        left join fct_daily_demand as demand
            on demand.business_date = calendar.business_date
            and demand.business = $business and demand.sku = $sku
        where calendar.business_date >= (
            select min(business_date) from fct_daily_demand where business = $business
        )
        group by calendar.business_date
        order by calendar.business_date
        """,
        {"business": business, "sku": sku, "days": days},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_back_test(edition: Edition, business: str) -> pd.DataFrame:
    """One row a figure of the newest back-test beside the figure it has to beat."""
    if not has_table(edition, "demand_evaluations"):
        return pd.DataFrame()
    return frame(
        edition,
        "select metric, value, baseline_name, baseline_value, window_start, window_end, row_count "
        "from demand_evaluations where business = $business "
        "order by list_position(['wape', 'rmsse', 'scaled_pinball', 'interval_coverage', "
        "'bias_rate'], metric), metric",
        {"business": business},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_back_test_folds(edition: Edition, business: str) -> pd.DataFrame:
    """One row a method and origin of the back-test: what was demanded, and how far off it was."""
    if not has_table(edition, "demand_backtest"):
        return pd.DataFrame()
    return frame(
        edition,
        "select method, origin_date, horizon_days, series_count, actual_quantity, absolute_error, "
        "bias_quantity from demand_backtest where business = $business "
        "order by origin_date desc, method",
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_replenishment(edition: Edition, business: str, sku: str) -> pd.DataFrame:
    """One row a site that stocks the article: its position, levels and what is suggested."""
    if not has_table(edition, "replenishment_positions"):
        return pd.DataFrame()
    return frame(
        edition,
        "select * from replenishment_positions where business = $business and sku = $sku "
        "order by site",
        {"business": business, "sku": sku},
    )
