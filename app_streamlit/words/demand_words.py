"""The words of forecasts: what is expected, how good that was, what a promotion would do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column
from app_streamlit.words.stock_words import site_label
from models_ml.promotions import StockCover, promoted_demand, stock_cover, whole_packs

_PARAMETER = re.compile(r"_[\d.]+$")  # of a method's name: a half-life, a number of periods
_LEVELS = ("expected_lead_time_demand", "safety_stock", "reorder_point")
_SHARES = ("wape", "bias_rate", "interval_coverage")


@dataclass(frozen=True)
class Promotion:
    """What a viewer tries: so much more on these days of the forecast."""

    uplift: float
    first_day: int
    last_day: int

    def applied_to(self, expected: Sequence[float]) -> list[float]:
        """The forecast with the promotion."""
        return promoted_demand(
            expected,
            uplift=self.uplift,
            first_day=self.first_day,
            day_count=self.last_day - self.first_day + 1,
        )


def article_label(articles: pd.DataFrame, sku: str) -> str:
    """An article by code and name."""
    names = dict(zip(articles["sku"], articles["name"], strict=True))
    name = names.get(sku)
    return f"{sku} · {name}" if isinstance(name, str) else sku


def forecast_sentence(context: PageContext, forecast: pd.DataFrame) -> str:
    """What is expected over the horizon."""
    return context.t(
        "stock.forecast.expected",
        units=formats.count(round(float(forecast["expected_quantity"].sum()))),
        days=formats.count(len(forecast)),
        origin=formats.day(forecast["origin_date"].iloc[0], context.language),
        method=method_label(context, str(forecast["method"].iloc[0])),
    )


def method_label(context: PageContext, method: str) -> str:
    """How a forecast was made: one family of methods, or the two that a mix mostly rests on.

    Args:
        context: of this run.
        method: as `ml.demand_forecasts` has it, e.g. `ses_8.0 0.60 + tsb 0.40`; a method that is
            alone has no share.
    """
    t = context.t
    shares: dict[str, float] = {}
    for part in method.split(" + "):
        name, _, weight = part.partition(" ")
        family = _PARAMETER.sub("", name).removeprefix("capped_")
        shares[family] = shares.get(family, 0.0) + float(weight or 1)
    total = sum(shares.values())
    named = [
        (t.known(f"demand_methods.{name}", readable(name)), formats.rate(share(part, total), 0))
        for name, part in sorted(shares.items(), key=lambda one: -one[1])
    ]
    if len(named) == 1:
        return named[0][0]
    text = ", ".join(f"{label} {part}" for label, part in named[:2])
    more = len(named) - 2
    return text + (t("stock.forecast.more_methods", n=more, count=more) if more else "")


def back_test_sentence(context: PageContext, figures: pd.DataFrame) -> str:
    """How far off the forecasts of the back-test were, against the naive one."""
    t = context.t
    known = {str(row["metric"]): row for row in figures.to_dict("records")}
    if "wape" not in known:
        return t("stock.forecast.no_back_test")
    wape = known["wape"]
    better = float(wape["value"]) <= float(wape["baseline_value"])
    text = t(
        "stock.forecast.better" if better else "stock.forecast.worse",
        value=formats.rate(float(wape["value"])),
        baseline=formats.rate(float(wape["baseline_value"])),
    )
    if "interval_coverage" in known:
        coverage = known["interval_coverage"]
        text += t(
            "stock.forecast.coverage",
            value=formats.rate(float(coverage["value"])),
            promised=formats.rate(float(coverage["baseline_value"])),
        )
    return text


def back_test_frame(context: PageContext, figures: pd.DataFrame) -> pd.DataFrame:
    """The figures of the back-test as text, each in its own unit."""
    t = context.t

    def shown(metric: str, value: float) -> str:
        return formats.rate(value) if metric in _SHARES else f"{value:.3f}"

    return pd.DataFrame(
        {
            "figure": t.known(f"model_figures.{row['metric']}", str(row["metric"])),
            "value": shown(str(row["metric"]), float(row["value"])),
            "baseline": t.known(f"baselines.{row['baseline_name']}", str(row["baseline_name"])),
            "baseline_value": shown(str(row["metric"]), float(row["baseline_value"])),
            "row_count": row["row_count"],
        }
        for row in figures.to_dict("records")
    )


BACK_TEST_COLUMNS = (
    Column("figure", "long"),
    Column("value", label="measured"),
    Column("baseline"),
    Column("baseline_value"),
    Column("row_count", "count", label="judged_rows"),
)


def fold_columns(context: PageContext) -> tuple[Column, ...]:
    """The parts of the back-test."""
    t = context.t
    return (
        Column("method", words=lambda name: t.known(f"baselines.{name}", str(name))),
        Column("origin_date", "date"),
        Column("horizon_days", "count"),
        Column("series_count", "count"),
        Column("actual_quantity", "count"),
        Column("absolute_error", "count"),
        Column("bias_quantity", "count"),
    )


def replenishment_frame(positions: pd.DataFrame) -> pd.DataFrame:
    """The positions with levels in whole pieces: a level is compared with pieces."""
    return positions.round(dict.fromkeys(_LEVELS, 0))


def replenishment_columns(sites: dict[str, str]) -> tuple[Column, ...]:
    """The article's position at every site beside its levels."""
    return (
        Column("site", words=lambda site: site_label(sites, site)),
        Column("on_hand", "count"),
        Column("reserved", "count"),
        Column("inbound", "count"),
        Column("stock_position", "count"),
        Column("expected_lead_time_demand", "count"),
        Column("safety_stock", "count"),
        Column("reorder_point", "count"),
        Column("lead_time_days", "count"),
        Column("pack_size", "count"),
        Column("suggested_quantity", "count"),
    )


def what_if_sentence(
    context: PageContext, forecast: pd.DataFrame, positions: pd.DataFrame, promotion: Promotion
) -> str:
    """How long the stock lasts with and without the promotion, and what would have to come."""
    t = context.t
    expected = [float(units) for units in forecast["expected_quantity"]]
    available = float((positions["on_hand"] - positions["reserved"]).sum())
    inbound = float(positions["inbound"].sum())
    plain = stock_cover(expected, available + inbound)
    promoted = stock_cover(promotion.applied_to(expected), available + inbound)
    pack = int(positions["pack_size"].max()) if len(positions) else 1
    text = t(
        "stock.what_if.position" if promotion.uplift else "stock.what_if.without",
        available=formats.count(available),
        inbound=formats.count(inbound),
        plain=_lasts(context, forecast, plain),
        promoted=_lasts(context, forecast, promoted),
        extra=formats.count(round(promoted.expected - plain.expected)),
    )
    if promoted.short > 0:
        text += t(
            "stock.what_if.order",
            units=formats.count(whole_packs(promoted.short, pack)),
            pack=formats.count(pack),
            lead=formats.count(int(positions["lead_time_days"].max())) if len(positions) else "?",
        )
    return text


def _lasts(context: PageContext, forecast: pd.DataFrame, cover: StockCover) -> str:
    t = context.t
    if not cover.short:
        return t("stock.what_if.lasts", days=formats.count(len(forecast)))
    first = forecast["forecast_date"].iloc[0]
    empty_on = first + timedelta(days=cover.days_covered)
    return t("stock.what_if.until", day=formats.day(empty_on, context.language, year=False))
