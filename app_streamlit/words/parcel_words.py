"""The words and columns of parcels, carriers, costs and warehouses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app_streamlit.queries.parcels import Cut
from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick, readable
from app_streamlit.ui.tables import Column
from app_streamlit.words.stock_words import site_label

PART = "part_label"
VIEWS = ("late", "predicted", "carriers", "costs", "warehouses")
Carriers = Mapping[str, Mapping[str, object]]


def carrier_label(context: PageContext, carriers: Carriers, carrier: object) -> str:
    """A carrier in the reader's words."""
    return pick(carriers.get(str(carrier), {}), "label", context.language, str(carrier))


def headline(context: PageContext, label: str, late: pd.DataFrame, promises: pd.DataFrame) -> str:
    """How many parcels need somebody now, what they are worth, and how promises were kept."""
    t = context.t
    stuck = int(late["is_stuck"].sum()) if len(late) else 0
    kept = promises.to_dict("records")[0]
    worth = t("punctuation.list").join(
        formats.money(part["net_paid_amount"].dropna().sum(), str(currency))
        for currency, part in late.groupby("currency_code", sort=True)
    )
    text = t(
        "parcels.headline" if len(late) else "parcels.headline_none",
        business=label,
        n=len(late),
        count=formats.count(len(late)),
        stuck=formats.count(stuck),
        worth=worth or formats.EMPTY,
    )
    if kept["judged_count"]:
        text += t(
            "parcels.kept",
            rate=formats.rate(share(kept["in_time_count"], kept["judged_count"])),
            count=formats.count(kept["judged_count"]),
        )
    return text


def late_frame(context: PageContext, late: pd.DataFrame) -> pd.DataFrame:
    """The parcels with their state in words and times as lengths."""
    t = context.t
    return late.assign(
        state=[
            t("parcels.stuck" if row["is_stuck"] else "parcels.overdue")
            for row in late.to_dict("records")
        ],
        unseen=[formats.duration(value, t) for value in late["unseen_seconds"]],
        late_by=[formats.duration(value, t) for value in late["late_seconds"]],
    )


def late_columns(
    context: PageContext, carriers: Carriers, sites: Mapping[str, str], business: str
) -> tuple[Column, ...]:
    """The list of parcels that somebody should ask for."""
    t = context.t
    return (
        Column("parcel_no"),
        Column("state"),
        Column("late_by"),
        Column("unseen"),
        Column("carrier", words=lambda name: carrier_label(context, carriers, name)),
        Column("stage", words=lambda name: t.known(f"parcels.stages.{name}", str(name))),
        Column("province", label="goes_to"),
        Column("order_no"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("net_paid_amount", "money"),
        Column("currency_code", label="currency"),
        Column("promised_at", "time"),
        Column("last_seen_at", "time"),
        Column("site", words=lambda site: site_label(sites, site)),
    )


def predicted_sentence(context: PageContext, predicted: pd.DataFrame, days: pd.DataFrame) -> str:
    """How many will probably be late, and what yesterday's list was worth."""
    t = context.t
    likely = int(predicted["is_above_threshold"].sum())
    text = t(
        "parcels.predicted",
        count=formats.count(likely),
        all=formats.count(len(predicted)),
    )
    if days.empty:
        return text + t("parcels.no_answers")
    newest = days.iloc[0]
    every = days[["hit_count", "listed_count", "event_count"]].sum().astype(int)
    return text + t(
        "parcels.list_was",
        day=formats.day(newest["answered_on"], context.language, year=False),
        listed=formats.count(newest["listed_count"]),
        hits=formats.count(newest["hit_count"]),
        late=formats.count(newest["event_count"]),
        precision=_rate(newest["hit_count"], newest["listed_count"]),
        recall=_rate(newest["hit_count"], newest["event_count"]),
        days=formats.count(len(days)),
        all_precision=_rate(every["hit_count"], every["listed_count"]),
        all_recall=_rate(every["hit_count"], every["event_count"]),
    )


def _rate(part: float, whole: float) -> str:
    return formats.rate(share(int(part), int(whole)))


def predicted_frame(context: PageContext, predicted: pd.DataFrame) -> pd.DataFrame:
    """The parcels with their state and reasons in words."""
    t = context.t
    return predicted.assign(
        state=[
            t("parcels.will_be_late" if is_likely else "parcels.in_time")
            for is_likely in predicted["is_above_threshold"]
        ],
        why=predicted[f"reasons_{context.language}"],
    )


def predicted_columns(
    context: PageContext, carriers: Carriers, sites: Mapping[str, str], business: str
) -> tuple[Column, ...]:
    """The list of parcels under way, the likeliest to be late first."""
    return (
        Column("parcel_no"),
        Column("state"),
        Column("risk_score", "rate", label="late_probability"),
        Column("why", label="because"),
        Column("promised_at", "time"),
        Column("order_no"),
        Column("carrier", words=lambda name: carrier_label(context, carriers, name)),
        Column("province", label="goes_to"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("net_paid_amount", "money"),
        Column("currency_code", label="currency"),
        Column("site", words=lambda site: site_label(sites, site)),
    )


def list_day_frame(days: pd.DataFrame) -> pd.DataFrame:
    """The days with precision and recall."""
    rows = days.to_dict("records")
    return days.assign(
        precision=_shares(rows, "hit_count", "listed_count"),
        recall=_shares(rows, "hit_count", "event_count"),
    )


LIST_DAY_COLUMNS = (
    Column("answered_on", "date", label="date"),
    Column("answered_count", "count", label="answered_parcels"),
    Column("event_count", "count", label="late_parcels"),
    Column("listed_count", "count", label="listed_parcels"),
    Column("hit_count", "count", label="listed_and_late"),
    Column("precision", "rate"),
    Column("recall", "rate"),
    Column("brier_score", "number"),
    Column("challenger_brier_score", "number"),
)


def comparison_frame(context: PageContext, found: pd.DataFrame) -> pd.DataFrame:
    """Carriers with their shares in time, as they were and on the same parcels."""
    t = context.t
    rows = found.to_dict("records")
    return found.assign(
        in_time_rate=_shares(rows, "in_time_count", "judged_count"),
        standard_rate=_shares(rows, "standard_in_time_count", "standard_judged_count"),
        benchmark_rate=_shares(rows, "benchmark_in_time_count", "standard_judged_count"),
        standard_transit=[formats.duration(row["standard_transit_seconds"], t) for row in rows],
        benchmark_transit=[formats.duration(row["benchmark_transit_seconds"], t) for row in rows],
    )


def _shares(rows: Sequence[Mapping[Any, Any]], part: str, whole: str) -> "pd.Series[float]":
    return pd.Series([share(row[part], row[whole]) for row in rows], dtype="float64")


def comparison_columns(context: PageContext, carriers: Carriers) -> tuple[Column, ...]:
    """Carriers side by side on the same parcels."""
    return (
        Column("carrier", words=lambda name: carrier_label(context, carriers, name)),
        Column("service", words=readable),
        Column("judged_count", "count", label="judged_parcels"),
        Column("in_time_rate", "rate"),
        Column("standard_rate", "rate"),
        Column("benchmark_rate", "rate"),
        Column("standard_transit"),
        Column("benchmark_transit"),
        Column("standard_freight", "money"),
        Column("benchmark_freight", "money"),
        Column("currency_code", label="currency"),
    )


def best_sentence(context: PageContext, carriers: Carriers, compared: pd.DataFrame) -> str:
    """Which carrier keeps its promises best, and which worst, on the same parcels."""
    t = context.t
    known = [row for row in compared.to_dict("records") if pd.notna(row["standard_rate"])]
    if len(known) < 2:
        return t("parcels.one_carrier")
    known.sort(key=lambda row: float(row["standard_rate"]))
    worst, best = known[0], known[-1]
    return t(
        "parcels.best",
        best=carrier_label(context, carriers, best["carrier"]),
        best_rate=formats.rate(float(best["standard_rate"])),
        worst=carrier_label(context, carriers, worst["carrier"]),
        worst_rate=formats.rate(float(worst["standard_rate"])),
    )


def lane_frame(context: PageContext, lanes: pd.DataFrame) -> pd.DataFrame:
    """Lanes with their share in time and mean time."""
    rows = lanes.to_dict("records")
    return lanes.assign(
        in_time_rate=_shares(rows, "in_time_count", "judged_count"),
        transit=[formats.duration(row["transit_seconds"], context.t) for row in rows],
    )


def lane_columns(context: PageContext, carriers: Carriers) -> tuple[Column, ...]:
    """Carriers by lane."""
    return (
        Column("carrier", words=lambda name: carrier_label(context, carriers, name)),
        Column("origin_province", label="comes_from"),
        Column("province", label="goes_to"),
        Column("parcel_count", "count", label="parcels"),
        Column("in_time_rate", "rate"),
        Column("late_count", "count", label="late_parcels"),
        Column("stuck_count", "count"),
        Column("transit"),
    )


def part_label(
    context: PageContext,
    cut: Cut,
    part: object,
    *,
    carriers: Carriers,
    sites: Mapping[str, str],
    business: str,
) -> str:
    """A carrier, site or channel in the reader's words."""
    if cut == "carrier":
        return carrier_label(context, carriers, part)
    if cut == "site":
        return site_label(sites, part)
    return context.channel_label(str(part), business)


def cost_sentence(context: PageContext, costs: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which part costs an order most, and which least."""
    known = [row for row in costs.to_dict("records") if pd.notna(row["cost_per_order"])]
    if not known:
        return context.t("parcels.no_costs")
    known.sort(key=lambda row: float(row["cost_per_order"]))
    least, most = known[0], known[-1]
    return context.t(
        "parcels.cost",
        most=names[str(most["part"])],
        most_cost=formats.money(most["cost_per_order"], str(most["currency_code"])),
        least=names[str(least["part"])],
        least_cost=formats.money(least["cost_per_order"], str(least["currency_code"])),
        saving=formats.count(costs["alternative_saving_kg_co2e"].dropna().sum()),
        total=formats.count(costs["kg_co2e"].dropna().sum()),
    )


def cost_columns(cut: Cut) -> tuple[Column, ...]:
    """What orders cost and emit."""
    return (
        Column(PART, label=cut),
        Column("order_count", "count"),
        Column("cost_per_order", "money"),
        Column("grams_co2e_per_order", "count", label="emissions_per_order"),
        Column("freight_amount", "money"),
        Column("handling_amount", "money"),
        Column("packaging_amount", "money"),
        Column("fulfilment_amount", "money"),
        Column("currency_code", label="currency"),
        Column("kg_co2e", "count", label="emissions"),
        Column("alternative_saving_kg_co2e", "count", label="emissions_saving"),
    )


def queue_sentence(context: PageContext, sites: Mapping[str, str], queue: pd.DataFrame) -> str:
    """How many orders waited at the end of the last day, and where most over the limit."""
    t = context.t
    last = queue[queue["business_date"] == queue["business_date"].max()]
    worst = max(last.to_dict("records"), key=lambda row: int(row["over_limit_order_count"]))
    waiting = int(last["waiting_order_count"].sum())
    return t(
        "parcels.queue",
        n=waiting,
        count=formats.count(waiting),
        day=formats.day(last["business_date"].iloc[0], context.language),
        over=formats.count(int(last["over_limit_order_count"].sum())),
        site=site_label(sites, worst["site"]),
        most=formats.count(int(worst["over_limit_order_count"])),
    )
