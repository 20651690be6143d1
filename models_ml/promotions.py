"""What a promotion would do to stock: the forecast times an uplift, and how long it lasts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDING_SLACK = 1e-9


@dataclass(frozen=True)
class StockCover:
    """How far some stock goes against the demand of the coming days.

    Attributes:
        expected: units demanded over all days.
        days_covered: whole days from the first whose demand the stock covers.
        short: units that are lacking at the end, 0 when the stock is enough.
    """

    expected: float
    days_covered: int
    short: float


def promoted_demand(
    expected: Sequence[float], *, uplift: float, first_day: int, day_count: int
) -> list[float]:
    """Expected units a day when some days sell more; the days after them are left as they are.

    Sales that the promotion only brings forward are not taken off later days: the answer is the
    most that stock has to bear.

    Args:
        expected: units of days 1, 2, ... without the promotion.
        uplift: what a promoted day sells more, as a share: 0.5 is half as much again. Above -1.
        first_day: first promoted day, from 1.
        day_count: promoted days; those beyond the last day count for nothing.

    Raises:
        ValueError: an uplift of -1 or less, or a first day before 1.
    """
    if uplift <= -1 or first_day < 1:
        raise ValueError("A promotion needs an uplift above -1 and a first day from 1 on.")
    promoted = range(first_day, first_day + day_count)
    return [
        units * (1 + uplift) if day in promoted else units
        for day, units in enumerate(expected, start=1)
    ]


def stock_cover(expected: Sequence[float], available: float) -> StockCover:
    """How long `available` units last when `expected` units are demanded day by day."""
    total, covered = 0.0, 0
    for day, units in enumerate(expected, start=1):
        total += units
        if total <= available + ROUNDING_SLACK:
            covered = day
    return StockCover(total, covered, max(total - available, 0.0))


def whole_packs(units: float, pack: int) -> int:
    """The least number of units in whole packs that is at least `units`; 0 for none."""
    return math.ceil(units / pack - ROUNDING_SLACK) * pack if units > 0 else 0
