"""Blocks of the parcels page: what is stuck, carriers and lanes, cost and carbon, warehouses.

The quotients are those that the reports' descriptions define: of sums over their rows.
"""

from typing import Literal

import pandas as pd
import streamlit as st

from app_streamlit.queries.access import current_viewer
from app_streamlit.queries.edition import Edition, frame, has_table, open_edition, rows
from connectors.settings import load_settings
from orchestration.metrics.scopes import Scope
from orchestration.staffing.planning import StaffingDay, plan_staffing
from orchestration.staffing.policy import StaffingPolicy, load_staffing_policy

LISTED = 300
Cut = Literal["carrier", "site", "channel"]
CUTS: tuple[Cut, ...] = ("carrier", "site", "channel")
_MONTHS = "shipped_month between date_trunc('month', $start::date) and $end"


@st.cache_data(max_entries=8, show_spinner=False)
def load_shipping_businesses(edition: Edition) -> list[str]:
    """Businesses with parcels, the one with most first."""
    if not has_table(edition, "rpt_carrier_lanes"):
        return []
    found = rows(
        edition,
        "select business from rpt_carrier_lanes group by business "
        "order by sum(parcel_count) desc, business",
    )
    return [str(row["business"]) for row in found]


@st.cache_data(max_entries=8, show_spinner=False)
def load_carriers(edition: Edition) -> dict[str, dict[str, object]]:
    """The seed's row of every carrier: its names."""
    if not has_table(edition, "carriers"):
        return {}
    return {str(row["carrier"]): row for row in rows(edition, "select * from carriers")}


@st.cache_data(max_entries=64, show_spinner=False)
def load_late_parcels(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Parcels that are stuck or overdue: stuck ones first, then the latest."""
    return frame(
        edition,
        """
        select
            parcels.parcel_performance_key, parcels.parcel_no, orders.order_no, parcels.channel,
            parcels.carrier, parcels.site,
            parcels.province, parcels.stage, parcels.is_stuck, parcels.outcome,
            parcels.last_seen_at, parcels.unseen_minutes * 60 as unseen_seconds,
            parcels.promised_at, parcels.late_minutes * 60 as late_seconds,
            parcels.net_paid_amount, parcels.currency_code
        from rpt_stuck_parcels as parcels
        left join fct_orders as orders on parcels.order_key = orders.order_key
        where parcels.business = $business and ($channel is null or parcels.channel = $channel)
        order by
            parcels.is_stuck desc, parcels.late_minutes desc, parcels.unseen_minutes desc,
            parcels.parcel_performance_key
        limit $limit
        """,
        {"business": business, "channel": channel, "limit": LISTED},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_predicted_late(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Parcels under way with the probability that they will be late, the likeliest first."""
    if not has_table(edition, "order_risk_scores"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            parcels.parcel_performance_key, parcels.order_key, parcels.parcel_no,
            orders.order_no, parcels.channel,
            parcels.carrier, parcels.site, parcels.province, scores.risk_score,
            scores.is_above_threshold, scores.reasons_en, scores.reasons_zh, parcels.promised_at,
            orders.net_paid_amount, orders.currency_code, scores.decided_at, scores.model_version
        from order_risk_scores as scores
        inner join fct_parcel_performance as parcels
            on scores.order_key = parcels.order_key and scores.parcel_no = parcels.parcel_no
        left join fct_orders as orders on scores.order_key = orders.order_key
        where
            scores.business = $business and scores.risk = 'late_delivery'
            and ($channel is null or parcels.channel = $channel)
        order by scores.risk_score desc, parcels.parcel_performance_key
        limit $limit
        """,
        {"business": business, "channel": channel, "limit": LISTED},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_promises(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row: parcels of these months, and how their promises were kept."""
    return frame(
        edition,
        "select coalesce(sum(parcel_count), 0)::bigint as parcel_count, "  # noqa: S608
        "coalesce(sum(judged_count), 0)::bigint as judged_count, "
        "coalesce(sum(in_time_count), 0)::bigint as in_time_count "
        f"from rpt_carrier_lanes where business = $business and {_MONTHS}",
        _days(scope),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_comparison(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a carrier and service: its own record, and on the same parcels as all others.

    The `standard_` figures say what the carrier would have done with all parcels of the kinds
    that it carries, the `benchmark_` figures what all carriers did with them.
    """
    return frame(
        edition,
        f"""
        select
            carrier, service, currency_code,
            sum(judged_count)::bigint as judged_count,
            sum(in_time_count)::bigint as in_time_count,
            sum(standard_in_time_count) as standard_in_time_count,
            sum(benchmark_in_time_count) as benchmark_in_time_count,
            sum(standard_judged_count)::bigint as standard_judged_count,
            (60 * sum(standard_transit_minutes) / nullif(sum(standard_delivered_count), 0))::bigint
                as standard_transit_seconds,
            (60 * sum(benchmark_transit_minutes) / nullif(sum(standard_delivered_count), 0))::bigint
                as benchmark_transit_seconds,
            (sum(standard_freight_amount) / nullif(sum(standard_priced_count), 0))::decimal(18, 2)
                as standard_freight,
            (sum(benchmark_freight_amount) / nullif(sum(standard_priced_count), 0))::decimal(18, 2)
                as benchmark_freight
        from rpt_carrier_comparison
        where business = $business and {_MONTHS}
        group by carrier, service, currency_code
        order by judged_count desc, carrier, service
        """,  # noqa: S608
        _days(scope),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_lanes(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a carrier and lane: the lanes with most parcels that were or are late first."""
    return frame(
        edition,
        f"""
        select
            carrier, origin_province, province,
            sum(parcel_count)::bigint as parcel_count,
            sum(judged_count)::bigint as judged_count,
            sum(in_time_count)::bigint as in_time_count,
            sum(late_count + overdue_count)::bigint as late_count,
            sum(stuck_count)::bigint as stuck_count,
            (60 * sum(transit_minutes) / nullif(sum(delivered_count), 0))::bigint
                as transit_seconds
        from rpt_carrier_lanes
        where business = $business and {_MONTHS}
        group by carrier, origin_province, province
        order by late_count desc, parcel_count desc, carrier, origin_province, province
        limit $limit
        """,  # noqa: S608
        {**_days(scope), "limit": LISTED},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_costs(edition: Edition, scope: Scope, cut: Cut) -> pd.DataFrame:
    """One row a carrier, site or channel and currency: what orders cost and emit."""
    column = next(known for known in CUTS if known == cut)
    return frame(
        edition,
        f"""
        select
            {column} as part, currency_code,
            sum(order_count)::bigint as order_count,
            sum(freight_amount) as freight_amount, sum(handling_amount) as handling_amount,
            sum(packaging_amount) as packaging_amount,
            sum(fulfilment_amount) as fulfilment_amount,
            (sum(fulfilment_amount) / nullif(sum(priced_order_count), 0))::decimal(18, 2)
                as cost_per_order,
            (1000 * sum(kg_co2e) / nullif(sum(measured_order_count), 0))::bigint
                as grams_co2e_per_order,
            sum(kg_co2e)::decimal(18, 1) as kg_co2e,
            sum(alternative_saving_kg_co2e)::decimal(18, 1) as alternative_saving_kg_co2e
        from rpt_fulfilment_costs
        where business = $business and {_MONTHS}
          and ($channel is null or channel = $channel)
        group by {column}, currency_code
        order by order_count desc, part
        """,  # noqa: S608
        {**_days(scope), "channel": scope.channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_hours(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a site and hour of the day: orders that left in these days, and their wait."""
    return frame(
        edition,
        """
        select
            site, hour_of_day, sum(shipped_order_count)::bigint as shipped_order_count,
            sum(shipped_unit_count)::bigint as shipped_unit_count,
            (60 * sum(waited_minutes) / nullif(sum(shipped_order_count), 0))::bigint
                as waited_seconds
        from rpt_warehouse_hourly
        where business = $business and business_date between $start and $end
        group by site, hour_of_day
        order by site, hour_of_day
        """,
        _days(scope),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_queue(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a site and day: orders that waited at its end, and those over the limit."""
    return frame(
        edition,
        """
        select
            business_date, site, sum(waiting_order_count)::bigint as waiting_order_count,
            sum(over_limit_order_count)::bigint as over_limit_order_count,
            sum(waiting_unit_count)::bigint as waiting_unit_count
        from rpt_warehouse_queue
        where business = $business and business_date between $start and $end
        group by business_date, site
        order by business_date, site
        """,
        _days(scope),
    )


def load_staffing(edition: Edition, business: str) -> tuple[StaffingDay, ...]:
    """The days to come of each site; none to whom sees some rows only, for it is of all orders.

    Raises:
        InputError: the staffing policy says what can't be.
    """
    if current_viewer().sight.rows:
        return ()
    return _load_staffing(edition, business, load_staffing_policy(load_settings()))


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={StaffingPolicy: repr})
def _load_staffing(
    edition: Edition, business: str, policy: StaffingPolicy
) -> tuple[StaffingDay, ...]:
    zone = load_settings().business_time_zone
    return tuple(plan_staffing(open_edition(edition), policy, business, time_zone=zone))


def _days(scope: Scope) -> dict[str, object]:
    return {"business": scope.business, "start": scope.start, "end": scope.end}
