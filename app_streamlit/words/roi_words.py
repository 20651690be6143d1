"""The words of the return on investment."""

from decimal import Decimal

import pandas as pd

from app_streamlit.queries.roi import Return
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from orchestration.roi.baseline import Comparison, TouchCost
from orchestration.roi.figures import MINIMUM_DAYS, Figure


def headline(context: PageContext, told: Return) -> str:
    """How many figures are measured, and how many of them moved to the better or the worse."""
    shown = [one for one in told.comparisons if is_chosen(context, one)]
    measured = [one for one in shown if one.reason is None]
    better = sum(one.verdict in ("better", "moved_better") for one in measured)
    worse = sum(one.verdict in ("worse", "moved_worse") for one in measured)
    return context.t(
        "roi.headline",
        day=formats.day(told.baseline.go_live, context.language),
        measured=formats.count(len(measured)),
        count=formats.count(len(shown)),
        better=formats.count(better),
        worse=formats.count(worse),
    )


def is_chosen(context: PageContext, one: Comparison) -> bool:
    """Whether the viewer looks at this business."""
    return one.business in context.businesses


def frozen_sentence(context: PageContext, told: Return) -> str:
    """When and by whom the baseline was frozen, on what, and its hash."""
    base = told.baseline
    text = context.t(
        "roi.frozen",
        time=formats.time(base.frozen_at, context.zone, context.language),
        author=base.author,
        reason=base.reason,
        days=formats.count(base.days),
        publication=base.publication_id,
        hash=base.hash[:16],
    )
    if base.is_late:
        text += context.t("roi.late", day=formats.day(base.known_until, context.language))
    if base.number > 1:
        text += context.t("roi.replaced", n=base.number - 1, count=formats.count(base.number - 1))
    return text


def figure_frame(context: PageContext, told: Return) -> pd.DataFrame:
    """One row a figure and business."""
    t = context.t
    return pd.DataFrame(
        [
            {
                "measure": t(f"roi.measures.{one.measure.name}"),
                "baseline": _value(context, one, one.before),
                "now": _value(context, one, one.now),
                "verdict": _verdict(context, one),
                "why": _why(context, one),
                "business": context.business_label(one.business),
            }
            for one in told.comparisons
            if is_chosen(context, one)
        ]
    )


COLUMNS = (
    Column("measure"),
    Column("baseline", label="frozen_value"),
    Column("now"),
    Column("verdict"),
    Column("why", "long", label="what_it_rests_on"),
    Column("business"),
)


def _value(context: PageContext, one: Comparison, figure: Figure) -> str:
    value, t = figure.value, context.t
    if value is None:
        return formats.EMPTY
    if one.measure.unit == "share":
        return formats.rate(value, 2)
    if one.measure.unit == "days":
        return t("roi.days", days=f"{value:,.1f}")
    if one.measure.unit == "count_a_day":
        return t("roi.a_day", count=f"{value:,.2f}")
    return formats.count(int(value))


def _verdict(context: PageContext, one: Comparison) -> str:
    if one.reason is not None:
        return context.t("roi.not_yet")
    if one.verdict is None:
        return context.t("roi.counted")
    return context.t(f"roi.verdicts.{one.verdict}")


def _why(context: PageContext, one: Comparison) -> str:
    t = context.t
    if one.reason is not None:
        return t(
            f"roi.reasons.{one.reason}",
            known=formats.count(one.days_known),
            needed=formats.count(MINIMUM_DAYS),
        )
    if one.saved is not None:
        return t("roi.counted_why")
    if one.low is not None and one.high is not None:
        return t(
            "roi.interval",
            low=_points(one.low),
            high=_points(one.high),
            before=formats.count(one.before.denominator or 0),
            now=formats.count(one.now.denominator or 0),
        )
    return t("roi.no_interval")


def _points(share: float) -> str:
    return f"{share * 100:+.2f}"


def touches(context: PageContext, told: Return) -> float:
    """Decisions since go-live that nobody had to touch, in the chosen businesses."""
    return sum(
        one.now.value or 0
        for one in told.comparisons
        if one.measure.name == "touches_saved" and is_chosen(context, one)
    )


def saved_sentence(context: PageContext, told: Return, minutes: float, rate: float) -> str:
    """What the touches that nobody made would have cost."""
    count, currency = touches(context, told), told.baseline.touch_cost.currency_code
    cost = TouchCost(Decimal(str(minutes)), Decimal(str(rate)), currency)
    return context.t(
        "roi.saved",
        n=int(count),
        count=formats.count(int(count)),
        minutes=f"{minutes:g}",
        rate=formats.money(cost.hourly_rate, currency),
        money=formats.money(cost.of(count), currency),
    )
