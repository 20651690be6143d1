"""The words of reconciliation: two books, what they say differently, and why."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column

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
    text = t(
        "reconciliation.headline",
        business=context.business_label(business),
        items=formats.count(int(buckets["item_count"].sum())),
        odd=formats.count(int(odd["item_count"].sum())),
        unknown=formats.rate(max(shares, default=None), places=4),
    )
    if not odd.empty:
        largest = max(odd.to_dict("records"), key=lambda row: abs(row["difference_amount"]))
        text += t(
            "reconciliation.largest",
            bucket=label(context, largest),
            comparison=label(context, largest, "comparison_label", "comparison"),
            amount=formats.short_money(
                abs(Decimal(largest["difference_amount"])), largest["currency_code"], t.language
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
        Column("match_rule"),
        Column("match_evidence", "long"),
        Column("recorded_key"),
        Column("reported_key"),
    )
