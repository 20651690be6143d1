"""What part of a publication is asked about: business, channel and days. Pure and hashable."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

from orchestration.snapshot import Snapshot

PRESETS: dict[str, int] = {"7d": 7, "28d": 28, "90d": 90}
DEFAULT_PERIOD = "28d"
CUSTOM = "custom"
ALL = "all"
PERIODS = (*PRESETS, ALL, CUSTOM)
_DAYS_BY_CHANNEL = """
    with days as (
        select business, business_date, bool_and(is_complete_day) as is_complete
        from rpt_channel_daily
        group by business, business_date
    )
    select
        business,
        min(business_date) as first_day,
        coalesce(max(business_date) filter (where is_complete), max(business_date)) as last_day
    from days
    group by business
    order by last_day desc, business
"""
_DAYS_OF_ORDERS = """
    select
        business,
        min(created_on) as first_day,
        greatest(min(created_on), max(created_on) - 1) as last_day
    from fct_orders
    where order_type = 'sale'
    group by business
    order by last_day desc, business
"""


@dataclass(frozen=True)
class Bounds:
    """First and last complete business day that one business has data for."""

    first: date
    last: date


@dataclass(frozen=True)
class Scope:
    """One business, some or all of its channels, and an inclusive range of business days."""

    business: str
    channel: str | None
    start: date
    end: date

    @property
    def day_count(self) -> int:
        """Number of days in the range."""
        return (self.end - self.start).days + 1

    def before(self) -> Self:
        """The range of the same length that ends the day before this one starts."""
        return replace(
            self, start=self.start - timedelta(self.day_count), end=self.start - timedelta(1)
        )

    def params(self) -> Mapping[str, Any]:
        """Parameters for a query that filters by business, channel and days."""
        return {
            "business": self.business,
            "channel": self.channel,
            "start": self.start,
            "end": self.end,
        }


def resolve_days(
    period: str, bounds: Bounds, custom: tuple[date, date] | None = None
) -> tuple[date, date]:
    """First and last day of a period; presets end with the business's last complete day.

    Businesses end on different days (an export of 2020 beside this morning's files), so "last 28
    days" is relative to the business, not to today.
    """
    if period == CUSTOM and custom:
        return custom
    if period == ALL:
        return bounds.first, bounds.last
    length = PRESETS.get(period, PRESETS[DEFAULT_PERIOD])
    return max(bounds.first, bounds.last - timedelta(length - 1)), bounds.last


def bounds_of(lake: Snapshot) -> dict[str, Bounds]:
    """First day and last day complete on all channels of every business, the newest first.

    Whoever sees the orders of some regions or sites only has no days by channel: then their orders
    tell, and the newest day with one counts as not over yet.
    """
    tables = lake.tables()
    if "rpt_channel_daily" in tables:
        sql = _DAYS_BY_CHANNEL
    elif "fct_orders" in tables:
        sql = _DAYS_OF_ORDERS
    else:
        return {}
    return {row["business"]: Bounds(row["first_day"], row["last_day"]) for row in lake.rows(sql)}
