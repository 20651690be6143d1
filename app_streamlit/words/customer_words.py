"""The words and tables of the customers page."""

from collections.abc import Mapping

import pandas as pd

from app_streamlit.queries.customers import load_segment_labels
from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column

VIEWS = ("segments", "movement", "value", "together", "accounts")
_NO_SEGMENT = "none"  # of a person who had not bought yet


def customer_label(key: object) -> str:
    """A customer as their source calls them; the key names the source and the channel, too."""
    return str(key).rsplit(":", 1)[-1]


def segment_label(context: PageContext, segment: str) -> str:
    """The name of a segment in the reader's language."""
    if segment == _NO_SEGMENT:
        return context.t("customers.no_segment")
    row = load_segment_labels(context.edition).get(segment, {})
    return pick(row, "label", context.language, fallback=segment)


def segment_meaning(context: PageContext, segment: str) -> str:
    """What a segment is, and what to do about it, from the seed."""
    row = load_segment_labels(context.edition).get(segment, {})
    return pick(row, "description", context.language) or formats.EMPTY


def group_label(context: PageContext, groups: Mapping[str, tuple[str, str]], name: str) -> str:
    """A business, and the currency when its customers pay in several."""
    business, currency = groups[name]
    label = context.business_label(business)
    several = sum(known == business for known, _ in groups.values()) > 1
    return f"{label} ({currency})" if several else label


def headline(context: PageContext, group: str, segments: pd.DataFrame) -> str:
    """Which segment carries the sales, in one sentence."""
    t = context.t
    customers = int(segments["customer_count"].sum())
    first = segments.iloc[0]
    return t(
        "customers.headline",
        business=group,
        customers=t("units.customers", n=customers, count=formats.count(customers)),
        segment=segment_label(context, str(first["rfm_segment"])),
        part=formats.rate(share(int(first["customer_count"]), customers), 0),
        sales=formats.rate(share(first["monetary_amount"], segments["monetary_amount"].sum()), 0),
    )


def segment_frame(context: PageContext, segments: pd.DataFrame) -> pd.DataFrame:
    """One row a segment with its share of customers and its meaning."""
    customers = int(segments["customer_count"].sum())
    rows = [
        {
            **row,
            "customer_share": share(int(row["customer_count"]), customers),
            "meaning": segment_meaning(context, str(row["rfm_segment"])),
        }
        for row in segments.to_dict("records")
    ]
    return pd.DataFrame(rows)


def segment_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the segments' table."""
    return (
        Column("rfm_segment", words=lambda name: segment_label(context, str(name))),
        Column("customer_count", "count"),
        Column("customer_share", "rate"),
        Column("monetary_amount", "money"),
        Column("amount_per_customer", "money"),
        Column("currency_code", label="currency"),
        Column("meaning", "long"),
    )


def customer_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of the customers' table."""
    return (
        Column("customer_key", words=customer_label),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("rfm_recency", "count"),
        Column("rfm_frequency", "count"),
        Column("rfm_monetary", "money"),
        Column("currency_code", label="currency"),
        Column("first_order_at", "time"),
        Column("last_order_at", "time"),
    )


def movement_sentence(context: PageContext, movements: pd.DataFrame) -> str:
    """How many people changed segment between the two dates, and the largest move."""
    t = context.t
    moved = moved_only(movements)
    since = formats.day(movements["previous_date"].iloc[0], t.language)
    until = formats.day(movements["as_of_date"].iloc[0], t.language)
    people = int(movements["person_count"].sum())
    if moved.empty:
        return t("customers.nobody_moved", count=formats.count(people), since=since, until=until)
    first = moved.iloc[0]
    return t(
        "customers.moved",
        moved=formats.count(int(moved["person_count"].sum())),
        count=formats.count(people),
        largest=formats.count(int(first["person_count"])),
        source=segment_label(context, str(first["from_segment"])),
        target=segment_label(context, str(first["to_segment"])),
        since=since,
        until=until,
    )


def movement_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the movements."""
    return (
        Column("from_segment", words=lambda name: segment_label(context, str(name))),
        Column("to_segment", words=lambda name: segment_label(context, str(name))),
        Column("person_count", "count"),
    )


def moved_only(movements: pd.DataFrame) -> pd.DataFrame:
    """The rows in which people changed segment."""
    return movements[movements["from_segment"] != movements["to_segment"]]
