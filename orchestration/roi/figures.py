"""The figures of a period that are compared with the baseline, each measured or with its reason.

Rates and days are asked of the semantic layer; what is counted here are rows of a mart and of the
decision ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select, true

from connectors.database.schema import approval_verdicts, decisions
from connectors.errors import FourflowError
from connectors.lake.reader import PublishedLake
from orchestration.metrics.layer import MetricLayer, MetricQuery

Name = Literal[
    "touches_saved",
    "oversells",
    "oversell_cancellations",
    "stock_turnover_days",
    "visit_conversion_rate",
    "payment_rate",
    "collection_days",
]
Reason = Literal["no_data", "no_table", "too_few_days", "no_cancel_reason"]
MINIMUM_DAYS = 7
_ARRIVED = ("confirmed", "measured")


@dataclass(frozen=True)
class Measure:
    """One figure: its name, unit, and which direction is the better one.

    Attributes:
        name: of the figure.
        unit: of the value.
        higher_is_better: the direction.
        numerator: the metric above the line, where it is a share.
        denominator: the metric below the line.
        matures_days: how long the newest days may still change; they are left out.
    """

    name: Name
    unit: Literal["share", "days", "count", "count_a_day"]
    higher_is_better: bool
    numerator: str | None = None
    denominator: str | None = None
    matures_days: int = 0


MEASURES = (
    Measure("touches_saved", "count", higher_is_better=True),
    Measure("oversell_cancellations", "count", higher_is_better=False),
    Measure("oversells", "count_a_day", higher_is_better=False),
    Measure("stock_turnover_days", "days", higher_is_better=False),
    Measure(
        "visit_conversion_rate",
        "share",
        higher_is_better=True,
        numerator="purchase_visit_count",
        denominator="visit_count",
    ),
    Measure(
        "payment_rate",
        "share",
        higher_is_better=True,
        numerator="paid_order_count",
        denominator="order_count",
        matures_days=7,
    ),
    Measure("collection_days", "days", higher_is_better=False),
)


@dataclass(frozen=True)
class Period:
    """Business dates of one business; both ends belong to it.

    Attributes:
        business: which one.
        first_day: the first.
        last_day: the last.
        known_until: the newest complete business date of the business.
        is_open: whether decisions count that were made after it: those about its last day are.
    """

    business: str
    first_day: date
    last_day: date
    known_until: date
    is_open: bool = False

    @property
    def days(self) -> int:
        """How many business dates; none when it ends before it begins."""
        return max(0, (self.last_day - self.first_day).days + 1)


@dataclass(frozen=True)
class Figure:
    """One figure of a period.

    Attributes:
        business: whose.
        name: which.
        value: the value; None when it cannot be known.
        numerator: of a share: how many.
        denominator: of a share: of how many.
        reason: why it cannot be known.
    """

    business: str
    name: Name
    value: float | None
    numerator: int | None = None
    denominator: int | None = None
    reason: Reason | None = None


def complete_days(lake: PublishedLake) -> dict[str, tuple[date, date]]:
    """First and last complete business date of every business with orders."""
    if "rpt_channel_daily" not in lake.tables():
        return {}
    found = lake.rows(
        "select business, min(business_date) as first_day, max(business_date) as last_day "
        "from rpt_channel_daily where is_complete_day group by business order by business"
    )
    return {row["business"]: (row["first_day"], row["last_day"]) for row in found}


def measure_period(
    period: Period, lake: PublishedLake, layer: MetricLayer, engine: Engine, zone: ZoneInfo
) -> list[Figure]:
    """All figures of a period.

    Args:
        period: which business and dates.
        lake: the publication.
        layer: the metrics.
        engine: the operational database with the ledger.
        zone: business zone.
    """
    if period.days < MINIMUM_DAYS:
        return [Figure(period.business, one.name, None, reason="too_few_days") for one in MEASURES]
    # No platform tells that an order was cancelled for want of stock.
    untold = Figure(period.business, "oversell_cancellations", None, reason="no_cancel_reason")
    told = {
        "touches_saved": Figure(period.business, "touches_saved", _untouched(period, engine, zone)),
        "oversell_cancellations": untold,
        "oversells": _oversells(period, lake),
    }
    return [told.get(one.name) or _metric(one, period, lake, layer) for one in MEASURES]


def _untouched(period: Period, engine: Engine, zone: ZoneInfo) -> int:
    """Decisions of the period that arrived without a person's verdict: touches nobody made."""
    begins = datetime.combine(period.first_day, time(), tzinfo=zone).astimezone(UTC)
    ends = datetime.combine(period.last_day + timedelta(days=1), time(), tzinfo=zone)
    judged = select(approval_verdicts.c.decision_id)
    query = select(func.count()).where(
        decisions.c.mode == "act",
        decisions.c.state.in_(_ARRIVED),
        decisions.c.created_at >= begins,
        true() if period.is_open else decisions.c.created_at < ends.astimezone(UTC),
        decisions.c.decision_id.not_in(judged),
        decisions.c.explanation["business"].as_string() == period.business,
    )
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def _oversells(period: Period, lake: PublishedLake) -> Figure:
    if "fct_oversells" not in lake.tables():
        return Figure(period.business, "oversells", None, reason="no_table")
    values = {"business": period.business, "start": period.first_day, "end": period.last_day}
    counted = lake.rows(
        "select count(*) filter (started_on between $start and $end) as begun, count(*) as known "
        "from fct_oversells where business = $business",
        values,
    )[0]
    if not counted["known"] and not _has_stock(period, lake):
        return Figure(period.business, "oversells", None, reason="no_data")
    return Figure(period.business, "oversells", counted["begun"] / period.days)


def _has_stock(period: Period, lake: PublishedLake) -> bool:
    if "rpt_inventory_daily" not in lake.tables():
        return False
    found = lake.rows(
        "select 1 as is_there from rpt_inventory_daily where business = $business limit 1",
        {"business": period.business},
    )
    return bool(found)


def _metric(measure: Measure, period: Period, lake: PublishedLake, layer: MetricLayer) -> Figure:
    parts = [one for one in (measure.numerator, measure.denominator) if one]
    query = MetricQuery(
        metrics=(measure.name, *parts),
        where=("business = $business", "metric_time between $start and $end"),
    )
    last_day = min(period.last_day, period.known_until - timedelta(days=measure.matures_days))
    if (last_day - period.first_day).days + 1 < MINIMUM_DAYS:
        return Figure(period.business, measure.name, None, reason="too_few_days")
    values: Mapping[str, Any] = {
        "business": period.business,
        "start": period.first_day,
        "end": last_day,
    }
    try:
        found = layer.rows(query, lake, values)
    except FourflowError:  # the publication or the project has no such metric
        return Figure(period.business, measure.name, None, reason="no_table")
    known = [row for row in found if row[measure.name] is not None]
    if len(known) != 1:  # nothing there, or several currencies that do not add up
        return Figure(period.business, measure.name, None, reason="no_data")
    row = known[0]
    value = float(row[measure.name])
    if measure.numerator is None or measure.denominator is None:
        return Figure(period.business, measure.name, value)
    above, below = int(row[measure.numerator] or 0), int(row[measure.denominator] or 0)
    if not below:
        return Figure(period.business, measure.name, None, reason="no_data")
    return Figure(period.business, measure.name, value, above, below)
