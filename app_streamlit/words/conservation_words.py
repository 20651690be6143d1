"""The words of what must be equal: records, goods and money from one end to the other."""

from decimal import Decimal
from math import ceil
from typing import Any

import pandas as pd

from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column

COUNTED_UNITS = ("row", "unit")
_KEYS = ["business", "flow", "unit"]
_MEASURES = ("left_quantity", "right_quantity", "difference", "unexplained_quantity")


def chosen(context: PageContext, flows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the chosen business; all when none is chosen."""
    if context.choices.business is None or flows.empty:
        return flows
    return flows[flows["business"] == context.choices.business]


def quantity(value: Decimal | None, unit: str) -> str:
    """A quantity in its unit: rows and pieces as a count, all else as money."""
    return formats.count(value) if unit in COUNTED_UNITS else formats.money(value, unit)


def headline(context: PageContext, flows: pd.DataFrame) -> str:
    """Whether records, goods and money add up, and what is without a name."""
    t = context.t
    pairs = len(flows[_KEYS].drop_duplicates())
    text = t("conservation.compared", n=pairs, count=formats.count(pairs))
    unnamed = _unexplained(flows)
    if not unnamed:
        text += t("conservation.all_named")
    else:
        text += t(
            "conservation.unnamed",
            amounts=t("punctuation.list").join(
                f"{quantity(amount, unit)} {_unit_word(context, unit)}".strip()
                for unit, (amount, _) in unnamed.items()
            ),
            rate=_at_most(max(part for _, part in unnamed.values())),
        )
    largest = _largest_named(flows)
    if largest is not None:
        text += t(
            "conservation.largest",
            bucket=bucket_label(context, largest),
            amount=quantity(abs(largest["difference"]), str(largest["unit"])),
            flow=pick(largest, "label", context.language),
        )
    return text


def _at_most(part: float) -> str:
    """A share rounded up to the next hundredth of a percent."""
    return formats.rate(ceil(part * 10_000) / 10_000, places=2)


def _unexplained(flows: pd.DataFrame) -> dict[str, tuple[Decimal, float]]:
    """Unit: what is without a name, signs aside, and its share of what was compared."""
    found: dict[str, tuple[Decimal, float]] = {}
    for unit, part in flows.groupby("unit", sort=True):
        rows = _records(part)
        amount = sum((abs(row["unexplained_quantity"]) for row in rows), Decimal(0))
        whole = sum(
            (max(abs(row["left_quantity"]), abs(row["right_quantity"])) for row in rows),
            Decimal(0),
        )
        if amount:
            found[str(unit)] = (amount, share(amount, whole) or 0.0)
    return found


def _largest_named(flows: pd.DataFrame) -> dict[str, Any] | None:
    """The largest difference in money that has a name; None when nothing differs."""
    money = flows[~flows["unit"].isin(COUNTED_UNITS) & (flows["unexplained_quantity"] == 0)]
    rows = [row for row in _records(money) if row["difference"]]
    return max(rows, key=lambda row: abs(row["difference"])) if rows else None


def _unit_word(context: PageContext, unit: str) -> str:
    """The name of a unit that is counted; money says it itself."""
    return context.t(f"conservation.units.{unit}") if unit in COUNTED_UNITS else ""


def bucket_label(context: PageContext, row: dict[str, Any]) -> str:
    """Why two figures differ, in the reader's words."""
    named = pick(row, "bucket_label", context.language)
    if row["unit"] not in COUNTED_UNITS and named:
        return named
    return context.t.known(f"conservation.buckets.{row['bucket']}", str(row["bucket"]))


def pair_frame(context: PageContext, flows: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of figures: both, their difference, and how much of it has no name."""
    rows = []
    for (business, _, unit), part in flows.groupby(_KEYS, sort=False):
        first = _records(part)[0]
        sums = {name: part[name].sum() for name in _MEASURES}
        rows.append(
            {
                **sums,
                "business": context.business_label(str(business)),
                "flow": pick(first, "label", context.language),
                "state": context.t(f"conservation.states.{_state(part)}"),
                "between": f"{pick(first, 'left_label', context.language)} → "
                f"{pick(first, 'right_label', context.language)}",
                "unit": _unit_label(context, str(unit)),
            }
        )
    return pd.DataFrame(rows)


def _state(part: pd.DataFrame) -> str:
    if (part["unexplained_quantity"].abs() > part["tolerance"]).any():
        return "unnamed"
    if (part["unexplained_quantity"] != 0).any():
        return "tolerated"
    return "named" if (part["difference"] != 0).any() else "equal"


def difference_frame(context: PageContext, flows: pd.DataFrame) -> pd.DataFrame:
    """One row a difference: the pair of figures, why they differ, and who looks after it."""
    columns = ["business", "flow", "bucket", "difference", "unit", "owner"]
    return pd.DataFrame(
        [
            {
                "business": context.business_label(row["business"]),
                "flow": pick(row, "label", context.language),
                "bucket": bucket_label(context, row),
                "difference": row["difference"],
                "unit": _unit_label(context, row["unit"]),
                "owner": context.t.known(f"owners.{row['owner']}", row["owner"]),
            }
            for row in _records(flows)
            if row["difference"]
        ],
        columns=columns,
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _unit_label(context: PageContext, unit: str) -> str:
    return _unit_word(context, unit) or unit


PAIR_COLUMNS = (
    Column("flow"),
    Column("state"),
    Column("left_quantity", "count"),
    Column("right_quantity", "count"),
    Column("difference", "count"),
    Column("unexplained_quantity", "count"),
    Column("unit"),
    Column("between"),
    Column("business"),
)
DIFFERENCE_COLUMNS = (
    Column("flow"),
    Column("bucket"),
    Column("difference", "count"),
    Column("unit"),
    Column("owner"),
    Column("business"),
)
