"""The words of allocation: from where a line is served, what it waits for, who comes first."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import ICONS
from app_streamlit.queries.allocations import WAITING
from app_streamlit.queries.rates import Grade, share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words import customer_words, stock_words

GRADE_OF: dict[str, Grade] = {
    "reserve": "green",
    "allocated": "green",
    "transfer": "amber",
    "backorder": "amber",
    "wait": "red",
}


def decision_label(context: PageContext, decision: str) -> str:
    """What is done about a line, as icon and words."""
    return f"{ICONS[GRADE_OF[decision]]} {context.t(f'allocation.decisions.{decision}')}"


def released_by(context: PageContext, sites: Mapping[str, str], line: Mapping[Any, Any]) -> str:
    """What would give a waiting line its units, and when."""
    t = context.t
    if line["decision"] == "transfer":
        return t(
            "allocation.released.transfer",
            source=stock_words.site_label(sites, line["from_site"]),
            target=stock_words.site_label(sites, line["site"]),
            day=formats.day(line["expected_on"], t.language),
        )
    if line["decision"] == "backorder":
        return t("allocation.released.backorder", day=formats.day(line["expected_on"], t.language))
    return t("allocation.released.wait")


def explained(context: PageContext, lines: pd.DataFrame) -> pd.Series:
    """Each line's own sentence in the reader's language."""
    return lines[f"explanation_{context.language}"]


def order_sentence(context: PageContext, lines: pd.DataFrame) -> str:
    """How many units of an order are set aside for it, and how many wait."""
    t = context.t
    units = lines.groupby("decision")["quantity"].sum()
    waiting = int(units.reindex(WAITING, fill_value=0).sum())
    total = int(units.sum())
    if waiting == 0:
        return t("allocation.order_served", n=total, count=formats.count(total))
    return t(
        "allocation.order_waits",
        n=waiting,
        count=formats.count(waiting),
        total=formats.count(total),
    )


def order_frame(
    context: PageContext, sites: Mapping[str, str], lines: pd.DataFrame
) -> pd.DataFrame:
    """The lines of one order with what is done about each."""
    return lines.assign(
        explanation=explained(context, lines),
        site_name=_site_names(sites, lines["site"]),
        from_site_name=_site_names(sites, lines["from_site"]),
    )


def order_columns(context: PageContext) -> tuple[Column, ...]:
    """What is said of each line of one order."""
    return (
        Column("sku"),
        Column("name", label="article"),
        Column("quantity", "count", label="unit_count"),
        Column("decision", label="state", words=lambda name: decision_label(context, str(name))),
        Column("site_name", label="site"),
        Column("from_site_name", label="from_site"),
        Column("expected_on", "date"),
        Column("priority", "count"),
        Column("explanation", "long", label="why"),
    )


def waiting_sentence(context: PageContext, served: pd.DataFrame) -> str:
    """How many lines wait for how many units, how long at most, and what would release them."""
    t = context.t
    lines = int(served["waiting_line_count"].sum())
    asked = int(served["asked_quantity"].sum())
    if lines == 0:
        return t("allocation.none_waits", n=asked, count=formats.count(asked))
    names = ("transfer_quantity", "backorder_quantity", "waiting_quantity")
    by_cause = {name: int(served[name].sum()) for name in names}
    units = sum(by_cause.values())
    parts = [
        t(f"allocation.parts.{name}", n=number, count=formats.count(number))
        for name, number in by_cause.items()
        if number
    ]
    return t(
        "allocation.waits",
        n=lines,
        lines=formats.count(lines),
        units=t("allocation.pieces", n=units, count=formats.count(units)),
        asked=formats.count(asked),
        rate=formats.rate(share(units, asked)),
        days=_days(context, served["longest_wait_days"].max()),
        parts=t("punctuation.list").join(parts),
    )


def fairness_sentence(context: PageContext, served: pd.DataFrame) -> str:
    """What share of what each priority asked for it has, first against last."""
    t = context.t
    rates = [
        t(
            "allocation.tier",
            priority=int(row["priority"]),
            rate=formats.rate(share(row["served_quantity"], row["asked_quantity"])),
        )
        for row in served.to_dict("records")
    ]
    return t("allocation.tiers", tiers=t("punctuation.list").join(rates))


def _days(context: PageContext, days: Any) -> str:
    number = 0 if pd.isna(days) else int(str(days).split(".")[0])
    return context.t("units.days", n=number, count=formats.count(number))


def served_frame(served: pd.DataFrame) -> pd.DataFrame:
    """The priorities with the share of what each asked for that it has."""
    rates = [
        share(row["served_quantity"], row["asked_quantity"]) for row in served.to_dict("records")
    ]
    return served.assign(served_rate=pd.Series(rates, index=served.index, dtype=object))


def served_columns() -> tuple[Column, ...]:
    """What each priority asked for, has, and waits for."""
    return (
        Column("priority", "count"),
        Column("line_count", "count"),
        Column("asked_quantity", "count"),
        Column("served_quantity", "count"),
        Column("served_rate", "rate"),
        Column("transfer_quantity", "count", label="to_transfer_quantity"),
        Column("backorder_quantity", "count"),
        Column("waiting_quantity", "count"),
        Column("longest_wait_days", "count"),
    )


def waiting_frame(
    context: PageContext, sites: Mapping[str, str], waiting: pd.DataFrame
) -> pd.DataFrame:
    """The queue with what would release each line."""
    return waiting.assign(
        released_by=[released_by(context, sites, line) for line in waiting.to_dict("records")],
        explanation=explained(context, waiting),
        site_name=_site_names(sites, waiting["site"]),
    )


def waiting_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The queue, those who come first first."""
    return (
        Column("priority", "count"),
        Column("waiting_days", "count"),
        Column("order_no"),
        Column("sku"),
        Column("name", label="article"),
        Column("quantity", "count", label="missing_quantity"),
        Column("released_by"),
        Column("site_name", label="site"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column(
            "customer_segment",
            label="rfm_segment",
            words=lambda name: customer_words.segment_label(context, str(name)),
        ),
        Column("demanded_at", "time"),
        Column("explanation", "long", label="why"),
    )


DROP_GRADES: dict[str, Grade] = {
    "not_recalled": "red",
    "refused": "red",
    "to_order": "red",
    "to_recall": "red",
    "recalling": "amber",
    "asked": "amber",
    "ordered": "amber",
    "sent": "green",
    "recalled": "none",
}


def drop_sentence(context: PageContext, shipments: pd.DataFrame) -> str:
    """How many lines suppliers send, and how far these have come."""
    t = context.t
    counts = shipments["state"].value_counts()
    parts = [
        t("allocation.drop.part", state=t(f"allocation.drop.states.{state}"), count=counts[state])
        for state in DROP_GRADES
        if state in counts
    ]
    # A line that was called back and is asked for again has two rows.
    lines = len(shipments[["order_key", "line_no"]].drop_duplicates())
    return t(
        "allocation.drop.sentence",
        n=lines,
        count=formats.count(lines),
        parts=t("punctuation.list").join(parts),
    )


def drop_columns(context: PageContext) -> tuple[Column, ...]:
    """What is said of each line that a supplier sends."""
    return (
        Column("order_no"),
        Column("sku"),
        Column("name", label="article"),
        Column("quantity", "count", label="unit_count"),
        Column(
            "state",
            words=lambda name: (
                f"{ICONS[DROP_GRADES[str(name)]]} {context.t(f'allocation.drop.states.{name}')}"
            ),
        ),
        Column("supplier_no"),
        Column("purchase_order_no"),
        Column("expected_on", "date"),
        Column("demanded_at", "time"),
        Column("explanation", "long", label="why"),
    )


def _site_names(sites: Mapping[str, str], codes: pd.Series) -> pd.Series:
    names = [None if pd.isna(site) else stock_words.site_label(sites, site) for site in codes]
    return pd.Series(names, index=codes.index, dtype=object)
