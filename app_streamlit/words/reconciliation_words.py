"""The words of reconciliation: two books, what they say differently, and why."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick, readable
from app_streamlit.ui.tables import Column
from orchestration.stewardship.sign_offs import DayStanding, SignOff

_EXPECTED = ("matched", "fee", "timing")  # nobody needs to look at these


def headline(
    context: PageContext, business: str, buckets: pd.DataFrame, unknown: Sequence[dict[str, Any]]
) -> str:
    """How much of the money agrees, what is unknown, and the largest difference with a name."""
    t = context.t
    shares = [
        float(row["reconciliation_unknown_share"])
        for row in unknown
        if row["reconciliation_unknown_share"] is not None
    ]
    odd = buckets[~buckets["residual_bucket"].isin(_EXPECTED)]
    apart = odd[odd["difference_amount"] != 0]  # others are items that offset each other
    text = t(
        "reconciliation.headline",
        business=context.business_label(business),
        items=formats.count(int(buckets["item_count"].sum())),
        odd=formats.count(int(odd["item_count"].sum())),
        unknown=formats.rate(max(shares, default=None), places=4 if any(shares) else 0),
    )
    if not apart.empty:
        largest = max(apart.to_dict("records"), key=lambda row: abs(row["difference_amount"]))
        text += t(
            "reconciliation.largest",
            bucket=label(context, largest),
            comparison=label(context, largest, "comparison_label", "comparison"),
            amount=formats.money(  # a cent that differs is a difference
                abs(Decimal(largest["difference_amount"])), largest["currency_code"]
            ),
        )
    return text


def label(
    context: PageContext, row: dict[Any, Any], stem: str = "label", name: str = "residual_bucket"
) -> str:
    """The label of a bucket or a comparison."""
    return pick({str(k): v for k, v in row.items()}, stem, context.language, str(row[name]))


def bucket_frame(context: PageContext, buckets: pd.DataFrame) -> pd.DataFrame:
    """The buckets as a table."""
    return pd.DataFrame(
        {
            **row,
            "comparison": label(context, row, "comparison_label", "comparison"),
            "bucket": label(context, row),
            "owner": context.t.known(f"owners.{row['owner']}", str(row["owner"])),
        }
        for row in buckets.to_dict("records")
    )


BUCKET_COLUMNS = (
    Column("comparison"),
    Column("bucket"),
    Column("item_count", "count"),
    Column("recorded_amount", "money"),
    Column("reported_amount", "money"),
    Column("difference_amount", "money", label="difference"),
    Column("currency_code", label="currency"),
    Column("owner"),
)


def differences(context: PageContext, buckets: pd.DataFrame) -> dict[str, str]:
    """The buckets that can be listed item by item, the named differences first."""
    rows = buckets.to_dict("records")
    ordered = sorted(rows, key=lambda row: row["residual_bucket"] in _EXPECTED)
    return {
        f"{row['comparison']}:{row['residual_bucket']}": (
            f"{label(context, row, 'comparison_label', 'comparison')} · {label(context, row)} "
            f"({formats.count(row['item_count'])})"
        )
        for row in ordered
    }


def item_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the items."""
    t = context.t
    return (
        Column("item_on", "date", label="date"),
        Column("item_type", words=lambda name: t.known(f"reconciliation.items.{name}", str(name))),
        Column("order_no"),
        Column("recorded_amount", "money"),
        Column("reported_amount", "money"),
        Column("difference_amount", "money", label="difference"),
        Column("currency_code", label="currency"),
        Column("provider", words=lambda name: context.source_label(str(name))),
        Column(
            "match_rule",
            words=lambda name: t.known(f"reconciliation.match_rules.{name}", str(name)),
        ),
        Column("match_evidence", "long"),
        Column("recorded_key"),
        Column("reported_key"),
    )


_STATE_ICONS = {"open": "○", "signed": "✓", "restated": "▲"}
Labels = Mapping[tuple[str, str], str]


def days_sentence(context: PageContext, days: Sequence[DayStanding]) -> str:
    """How many days of the period are signed, changed after that, or still open."""
    counts = {name: sum(day.state == name for day in days) for name in _STATE_ICONS}
    return context.t(
        "sign_off.sentence",
        signed=formats.count(counts["signed"]),
        days=formats.count(len(days)),
        restated=formats.count(counts["restated"]),
        open=formats.count(counts["open"]),
    )


def state_label(context: PageContext, state: str) -> str:
    """Whether a day is open, signed or changed after it was signed; a sign and a word."""
    return f"{_STATE_ICONS[state]} {context.t(f'sign_off.states.{state}')}"


def day_frame(context: PageContext, days: Sequence[DayStanding]) -> pd.DataFrame:
    """One row a day."""
    return pd.DataFrame(
        [
            {
                "business_date": day.business_date,
                "state": state_label(context, day.state),
                "item_count": day.item_count,
                "odd_count": sum(
                    one.item_count for one in day.figures if one.residual_bucket not in _EXPECTED
                ),
                "unknown_count": day.unknown_count,
                "signed_by": context.t("punctuation.list").join(one.person for one in day.sign_offs)
                or None,
                "signed_at": max((one.signed_at for one in day.sign_offs), default=None),
                "publication_id": day.sign_offs[-1].publication_id if day.sign_offs else None,
                "note": day.sign_offs[-1].note if day.sign_offs else None,
            }
            for day in days
        ]
    )


DAY_COLUMNS = (
    Column("business_date", "date", label="date"),
    Column("state"),
    Column("item_count", "count"),
    Column("odd_count", "count"),
    Column("unknown_count", "count"),
    Column("signed_by"),
    Column("signed_at", "time"),
    Column("note", "long"),
    Column("publication_id", label="publication"),
)


def day_name(context: PageContext, day: DayStanding) -> str:
    """A day with its state."""
    name = formats.day(day.business_date, context.language)
    return f"{name} · {state_label(context, day.state)}"


def bucket_labels(context: PageContext, buckets: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Comparison and bucket in the reader's words, by both names."""
    return {
        (str(row["comparison"]), str(row["residual_bucket"])): (
            f"{label(context, row, 'comparison_label', 'comparison')} · {label(context, row)}"
        )
        for row in buckets.to_dict("records")
    }


def figure_frame(labels: Labels, day: DayStanding) -> pd.DataFrame:
    """What is signed: one row a comparison, bucket and currency."""
    return pd.DataFrame(
        [
            {
                **vars(one),
                "bucket": _bucket(labels, one.comparison, one.residual_bucket),
            }
            for one in day.figures
        ]
    )


FIGURE_COLUMNS = (
    Column("bucket"),
    Column("item_count", "count"),
    Column("recorded_amount", "money"),
    Column("reported_amount", "money"),
    Column("difference_amount", "money", label="difference"),
    Column("currency_code", label="currency"),
)


def signature(context: PageContext, one: SignOff) -> str:
    """Who signed when, on which publication, and whether the figures still stand."""
    text = context.t(
        "sign_off.by",
        person=one.person,
        time=formats.time(one.signed_at, context.zone, context.language),
        publication=one.publication_id,
    )
    if one.note:
        text += context.t("sign_off.said", note=one.note)
    if one.is_restated:
        text += context.t("sign_off.restated")
    return text


def change_frame(labels: Labels, changes: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What changed after a signature, bucket by bucket."""
    return pd.DataFrame(
        [
            {**row, "bucket": _bucket(labels, row["comparison"], row["residual_bucket"])}
            for row in changes
        ]
    )


def _bucket(labels: Labels, comparison: str, bucket: str) -> str:
    return labels.get((comparison, bucket), f"{readable(comparison)} · {readable(bucket)}")


CHANGE_COLUMNS = (
    Column("bucket"),
    Column("item_count_then", "count"),
    Column("item_count_now", "count"),
    Column("difference_then", "money"),
    Column("difference_now", "money"),
    Column("currency_code", label="currency"),
)
