"""The words of what is bought together and what follows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.queries.rates import share, wilson_interval
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column


def item_label(item_type: str, row: Mapping[Any, Any], role: str) -> str:
    """An article by code and name, a category as words."""
    item, name = str(row[f"{role}_item"]), str(row[f"{role}_name"])
    if item_type == "category":
        return readable(item)
    return f"{item} · {name}" if name else item


def pair_frame(item_type: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs with the share of baskets that have both, and how many times chance that is."""
    return pd.DataFrame(
        {
            "first_item": item_label(item_type, row, "antecedent"),
            "second_item": item_label(item_type, row, "consequent"),
            "pair_count": row["pair_count"],
            "support": share(row["pair_count"], row["basket_count"]),
            "confidence": share(row["pair_count"], row["antecedent_count"]),
            "lift": _times(
                share(row["pair_count"], row["antecedent_count"]),
                share(row["consequent_count"], row["basket_count"]),
            ),
        }
        for row in pairs.to_dict("records")
    )


PAIR_COLUMNS = (
    Column("first_item", label="bought_item"),
    Column("second_item", label="with_item"),
    Column("pair_count", "count", label="baskets_with_both"),
    Column("support", "rate"),
    Column("confidence", "rate", label="of_its_baskets"),
    Column("lift", label="times_chance"),
)


def sequence_frame(item_type: str, sequences: pd.DataFrame) -> pd.DataFrame:
    """What follows, with the share of buyers who went on to buy it and between which it lies."""
    rows = []
    for row in sequences.to_dict("records"):
        followers, buyers = int(row["follower_count"]), int(row["buyer_count"])
        ends = wilson_interval(followers, buyers)
        rows.append(
            {
                "first_item": item_label(item_type, row, "antecedent"),
                "second_item": item_label(item_type, row, "consequent"),
                "buyer_count": buyers,
                "confidence": share(followers, buyers),
                "interval": f"{formats.rate(ends[0])}–{formats.rate(ends[1])}" if ends else "",
                "lift": _times(
                    share(followers, buyers),
                    share(row["consequent_buyer_count"], row["person_count"]),
                ),
                "lag_days": round(float(row["lag_days"])),
            }
        )
    return pd.DataFrame(rows)


SEQUENCE_COLUMNS = (
    Column("first_item", label="bought_item"),
    Column("second_item", label="then_item"),
    Column("buyer_count", "count", label="buyers"),
    Column("confidence", "rate", label="went_on"),
    Column("interval"),
    Column("lift", label="times_chance"),
    Column("lag_days", "count", label="days_between"),
)


def _times(rate: float | None, usual: float | None) -> str:
    """How many times the usual share a share is."""
    return f"{rate / usual:.1f}×" if rate is not None and usual else formats.EMPTY


def sentence(context: PageContext, pairs: pd.DataFrame, sequences: pd.DataFrame) -> str:
    """The pair furthest from chance, and what follows most beyond it."""
    t = context.t
    parts = []
    if not pairs.empty:
        furthest = pairs.iloc[0]
        parts.append(
            t(
                "customers.together.pair",
                first=furthest["first_item"],
                second=furthest["second_item"],
                lift=furthest["lift"],
            )
        )
    others = [
        row for row in sequences.to_dict("records") if row["first_item"] != row["second_item"]
    ]
    if others:
        likeliest = others[0]
        parts.append(
            t(
                "customers.together.then",
                first=likeliest["first_item"],
                second=likeliest["second_item"],
                rate=formats.rate(likeliest["confidence"], 0),
                lift=likeliest["lift"],
                days=likeliest["lag_days"],
            )
        )
    return " ".join(parts)
