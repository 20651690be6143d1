"""Blocks of the stock page: `rpt_stock_matrix` and what stands beside it, site by site."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from app_streamlit.queries.metrics import ask
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

ARTICLES_SHOWN = 200
STATES = ("oversold", "out", "short", "surplus", "idle", "enough")
_DAYS = ("business = $business", "metric_time between $start and $end")
_TURNOVER = MetricQuery(metrics=("stock_turnover_days",), by=("business",), where=_DAYS)
_STOCK_OUTS = MetricQuery(metrics=("stock_out_rate",), by=("business",), where=_DAYS)


@st.cache_data(max_entries=8, show_spinner=False)
def load_stocked_businesses(edition: Edition) -> list[str]:
    """Businesses that report stock, the one with most positions first."""
    if not has_table(edition, "rpt_stock_matrix"):
        return []
    found = rows(
        edition,
        "select business from rpt_stock_matrix group by business order by count(*) desc, business",
    )
    return [str(row["business"]) for row in found]


@st.cache_data(max_entries=8, show_spinner=False)
def load_sites(edition: Edition, business: str) -> dict[str, str]:
    """Name of every site by its code."""
    if not has_table(edition, "dim_sites"):
        return {}
    found = rows(
        edition,
        "select site, name from dim_sites where business = $business and name is not null "
        "order by site",
        {"business": business},
    )
    return {str(row["site"]): str(row["name"]) for row in found}


@st.cache_data(max_entries=16, show_spinner=False)
def load_states(edition: Edition, business: str) -> pd.DataFrame:
    """One row a state of stock: how many positions (an article at a site) are in it."""
    return frame(
        edition,
        "select stock_state, count(*)::bigint as position_count from rpt_stock_matrix "
        "where business = $business group by stock_state",
        {"business": business},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_value(edition: Edition, business: str) -> pd.DataFrame:
    """One row a currency: the stock's value, and the part of it that its age puts at risk."""
    return frame(
        edition,
        "select currency_code, sum(stock_value) as stock_value, "
        "sum(value_at_risk) as value_at_risk from rpt_stock_ageing "
        "where business = $business group by currency_code having sum(stock_value) > 0 "
        "order by stock_value desc",
        {"business": business},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_categories(edition: Edition, business: str) -> list[str]:
    """Categories of the articles, by name."""
    found = rows(
        edition,
        "select distinct category from rpt_stock_matrix where business = $business order by 1",
        {"business": business},
    )
    return [str(row["category"]) for row in found]


@st.cache_data(max_entries=64, show_spinner=False)
def load_matrix(
    edition: Edition,
    business: str,
    state: str | None,
    category: str | None,
    limit: int = ARTICLES_SHOWN,
) -> pd.DataFrame:
    """The positions of the articles that need a look most, one row an article and site.

    An article that is in the wanted state at one site comes with all its sites: what another site
    has is the first question.
    """
    return frame(
        edition,
        """
        with wanted as (
            select
                sku,
                min(list_position($states, stock_state)) as severity,
                sum(short_quantity) as lacking,
                sum(sold_quantity) as sold
            from rpt_stock_matrix
            where business = $business and ($category is null or category = $category)
            group by sku
            having $state is null or bool_or(stock_state = $state)
            order by severity, lacking desc, sold desc, sku
            limit $limit
        )
        select matrix.*
        from rpt_stock_matrix as matrix
        inner join wanted on matrix.sku = wanted.sku
        where matrix.business = $business
        order by
            wanted.severity, wanted.lacking desc, wanted.sold desc, matrix.sku, matrix.site
        """,
        {
            "business": business,
            "state": state,
            "category": category,
            "states": list(STATES),
            "limit": limit,
        },
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_ageing(edition: Edition, business: str) -> pd.DataFrame:
    """One row a site, currency and age bucket, the youngest first: units, value, value at risk."""
    return frame(
        edition,
        """
        select
            ageing.site, ageing.currency_code, buckets.label_en, buckets.label_zh,
            buckets.from_days, sum(ageing.quantity) as quantity,
            sum(ageing.quantity_of_unknown_age) as quantity_of_unknown_age,
            sum(ageing.quantity_without_cost) as quantity_without_cost,
            sum(ageing.stock_value) as stock_value, sum(ageing.value_at_risk) as value_at_risk
        from rpt_stock_ageing as ageing
        left join stock_age_buckets as buckets on ageing.age_bucket = buckets.age_bucket
        where ageing.business = $business
        group by all
        order by ageing.currency_code, buckets.from_days, ageing.site
        """,
        {"business": business},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_shortage_days(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a day and site: articles with nothing to sell, lines demanded and lines short."""
    return frame(
        edition,
        """
        select
            business_date, site, sum(stock_out_sku_count)::bigint as stock_out_sku_count,
            sum(sku_count)::bigint as sku_count,
            sum(demanded_line_count)::bigint as demanded_line_count,
            sum(short_line_count)::bigint as short_line_count
        from rpt_inventory_daily
        where business = $business and business_date between $start and $end
        group by business_date, site
        order by business_date, site
        """,
        _days(scope),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_stock_outs(edition: Edition, scope: Scope, limit: int = 200) -> pd.DataFrame:
    """Articles and sites by the lines that were demanded when there was nothing to sell."""
    return frame(
        edition,
        """
        select
            outs.site, outs.sku, any_value(matrix.name) as name, count(*)::bigint as day_count,
            sum(outs.demanded_line_count)::bigint as demanded_line_count,
            sum(outs.demanded_quantity)::bigint as demanded_quantity,
            max(outs.business_date) as business_date,
            any_value(matrix.available_to_sell) as available_to_sell
        from fct_stock_outs as outs
        left join rpt_stock_matrix as matrix
            on outs.business = matrix.business and outs.site = matrix.site
            and outs.sku = matrix.sku
        where outs.business = $business and outs.is_out_of_stock
          and outs.business_date between $start and $end
        group by outs.site, outs.sku
        order by demanded_line_count desc, day_count desc, outs.sku, outs.site
        limit $limit
        """,
        {**_days(scope), "limit": limit},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_oversells(edition: Edition, scope: Scope, limit: int = 200) -> pd.DataFrame:
    """Oversells that were open in these days, those still open first, with their cause."""
    return frame(
        edition,
        """
        select
            oversells.site, oversells.sku, matrix.name, oversells.cause, oversells.is_open,
            oversells.started_on, oversells.day_count, oversells.most_oversold_quantity,
            oversells.channel_count, oversells.sold_quantity
        from fct_oversells as oversells
        left join rpt_stock_matrix as matrix
            on oversells.business = matrix.business and oversells.site = matrix.site
            and oversells.sku = matrix.sku
        where oversells.business = $business
          and oversells.started_on <= $end and oversells.last_on >= $start
        order by
            oversells.is_open desc, oversells.most_oversold_quantity desc,
            oversells.started_on desc, oversells.oversell_key
        limit $limit
        """,
        {**_days(scope), "limit": limit},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_moves(edition: Edition, business: str, limit: int = 200) -> pd.DataFrame:
    """What one site has to spare and another lacks, the largest move first."""
    return frame(
        edition,
        """
        select
            moves.*, matrix.name, from_matrix.available_to_sell as from_available,
            matrix.available_to_sell as to_available
        from rpt_stock_transfers as moves
        left join rpt_stock_matrix as matrix
            on moves.business = matrix.business and moves.to_site = matrix.site
            and moves.sku = matrix.sku
        left join rpt_stock_matrix as from_matrix
            on moves.business = from_matrix.business and moves.from_site = from_matrix.site
            and moves.sku = from_matrix.sku
        where moves.business = $business
        order by moves.transfer_quantity desc, moves.sku, moves.from_site, moves.to_site
        limit $limit
        """,
        {"business": business, "limit": limit},
    )


def load_turnover_days(edition: Edition, scope: Scope) -> float | None:
    """How many days the average stock lasts at the demand of these days."""
    return _only(ask(edition, _TURNOVER, _days(scope)), "stock_turnover_days")


def load_stock_out_rate(edition: Edition, scope: Scope) -> float | None:
    """Share of the positions and days on which there was nothing to sell."""
    return _only(ask(edition, _STOCK_OUTS, _days(scope)), "stock_out_rate")


def _days(scope: Scope) -> dict[str, object]:
    """Stock belongs to no channel, so the chosen one is not a parameter."""
    return {"business": scope.business, "start": scope.start, "end": scope.end}


def _only(found: list[dict[str, object]], name: str) -> float | None:
    value = found[0].get(name) if found else None
    return float(str(value)) if value is not None else None
