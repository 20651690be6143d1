"""Expected order lines an hour and site against the people of its shifts, for the days to come.

The forecast of demand tells the units of each day; history tells how many lines of parcels a unit
makes, which share of them each site sends, and at which hours orders are paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from models_ml.staffing import HOURS, DayPlan, plan_day
from orchestration.snapshot import Snapshot
from orchestration.staffing.policy import StaffingPolicy

_NEEDED = {
    "demand_forecasts", "fct_daily_demand", "fct_orders", "dim_channels", "rpt_warehouse_hourly",
    "rpt_warehouse_queue",
}  # fmt: skip


@dataclass(frozen=True)
class StaffingDay:
    """One day of a site.

    Attributes:
        site: warehouse or store.
        business_date: the day.
        expected_lines: what is expected to come in, with the policy's reserve.
        arriving_by_hour: the same by hour of the day.
        needed_person_hours: hours of people of the usual speed that it takes.
        plan: the day hour by hour; None where nobody says who works.
    """

    site: str
    business_date: date
    expected_lines: float
    arriving_by_hour: tuple[float, ...]
    needed_person_hours: float
    plan: DayPlan | None

    @property
    def peak_hour(self) -> int:
        """The hour in which most comes in."""
        return max(range(HOURS), key=self.arriving_by_hour.__getitem__)


def plan_staffing(
    lake: Snapshot, policy: StaffingPolicy, business: str, *, time_zone: str
) -> list[StaffingDay]:
    """The days to come of each site of a business, by day and site; none without a forecast.

    Args:
        lake: the published snapshot.
        policy: who works when, and how fast.
        business: whose sites.
        time_zone: business time zone, in which shifts are.
    """
    if not set(lake.tables()) >= _NEEDED:
        return []
    expected = _expected_units(lake, business, policy.days_ahead)
    if not expected:
        return []
    origin = min(expected) - timedelta(days=1)
    since = {"business": business, "since": origin - timedelta(days=policy.history_days),
             "until": origin}  # fmt: skip
    lines_per_unit = _lines_per_unit(lake, since)
    shares, profile = _site_shares(lake, since), _hourly_profile(lake, since, time_zone)
    if lines_per_unit is None or not shares or profile is None:
        return []
    waiting = _waiting_lines(lake, since)
    found = []
    for day, units in sorted(expected.items()):
        for site, share in sorted(shares.items()):
            lines = units * lines_per_unit * share * (1 + policy.reserve_share)
            arriving = tuple(lines * part for part in profile)
            plan = None
            if policy.has_shifts(site):
                plan = plan_day(
                    arriving,
                    policy.person_hours(site, day),
                    carried=waiting.get(site, 0.0),
                    lines_per_person_hour=policy.lines_per_person_hour,
                )
                waiting[site] = plan.waiting_at_night
            needed = lines / policy.lines_per_person_hour
            found.append(StaffingDay(site, day, lines, arriving, needed, plan))
    return found


def forecast_businesses(lake: Snapshot) -> list[str]:
    """Businesses with a forecast of demand, by name."""
    if "demand_forecasts" not in lake.tables():
        return []
    found = lake.rows("select distinct business from demand_forecasts order by business")
    return [str(row["business"]) for row in found]


def _expected_units(lake: Snapshot, business: str, days: int) -> dict[date, float]:
    """Units a day by the newest forecast, in the days after it was made."""
    rows = lake.rows(
        "select forecast_date, sum(expected_quantity) as units from demand_forecasts "
        "where business = $business and origin_date = (select max(origin_date) "
        "from demand_forecasts where business = $business) "
        "and forecast_date > origin_date and forecast_date <= origin_date + $days::integer "
        "group by forecast_date",
        {"business": business, "days": days},
    )
    return {row["forecast_date"]: float(row["units"]) for row in rows}


def _lines_per_unit(lake: Snapshot, since: Mapping[str, Any]) -> float | None:
    """Order lines that were sent for each unit that was sold, at tills too."""
    (row,) = lake.rows(
        "select (select sum(shipped_line_count) from rpt_warehouse_hourly "
        "where business = $business and business_date > $since and business_date <= $until) "
        "as lines, (select sum(quantity) from fct_daily_demand "
        "where business = $business and business_date > $since and business_date <= $until) "
        "as units",
        since,
    )
    return float(row["lines"]) / float(row["units"]) if row["lines"] and row["units"] else None


def _site_shares(lake: Snapshot, since: Mapping[str, Any]) -> dict[str, float]:
    rows = lake.rows(
        "select site, sum(shipped_line_count) as lines from rpt_warehouse_hourly "
        "where business = $business and business_date > $since and business_date <= $until "
        "group by site",
        since,
    )
    total = float(sum(row["lines"] for row in rows))
    return {row["site"]: float(row["lines"]) / total for row in rows} if total else {}


def _hourly_profile(lake: Snapshot, since: Mapping[str, Any], time_zone: str) -> list[float] | None:
    """The share of the units of a day that is paid, and so can be picked, in each of its hours."""
    rows = lake.rows(
        "select extract('hour' from orders.paid_at at time zone $time_zone)::integer as hour, "
        "sum(orders.unit_count) as units from fct_orders as orders "
        "join dim_channels as channels on channels.source = orders.source "
        "and channels.channel = orders.channel "
        "where orders.business = $business and orders.created_on > $since "
        "and orders.created_on <= $until and orders.paid_at is not null "
        "and channels.fulfilment = 'parcel' group by hour",
        {**since, "time_zone": time_zone},
    )
    by_hour = {row["hour"]: float(row["units"]) for row in rows}
    total = sum(by_hour.values())
    return [by_hour.get(hour, 0.0) / total for hour in range(HOURS)] if total else None


def _waiting_lines(lake: Snapshot, since: Mapping[str, Any]) -> dict[str, float]:
    """Lines that wait at each site at the end of the forecast's last known day."""
    rows = lake.rows(
        "select queue.site, queue.waiting_order_count * hourly.lines / hourly.orders as lines "
        "from rpt_warehouse_queue as queue "
        "join (select site, sum(shipped_line_count) as lines, sum(shipped_order_count) as orders "
        "from rpt_warehouse_hourly where business = $business and business_date > $since "
        "and business_date <= $until group by site) as hourly on hourly.site = queue.site "
        "where queue.business = $business and queue.business_date = $until and hourly.orders > 0",
        since,
    )
    return {row["site"]: float(row["lines"]) for row in rows}
