"""The only place where a page divides two measures.

Report tables carry additive measures. Until the semantic layer of the dbt project serves rates,
every rate that a page shows comes from here and nowhere else; then this module goes.
"""

from decimal import Decimal
from typing import Literal

Measure = int | float | Decimal
Grade = Literal["green", "amber", "red", "none"]


def share(part: Measure | None, whole: Measure | None) -> float | None:
    """`part` of `whole` between 0 and 1; None when the whole is zero or unknown."""
    if part is None or whole is None or not whole:
        return None
    return float(Decimal(str(part)) / Decimal(str(whole)))


def conversion(reached: int, dropped: int) -> float | None:
    """Orders that reached a step, of those whose time for it is over.

    Orders still open are in neither number: a cohort of yesterday is not worse than one of last
    month only because its orders had no time yet. Without open orders this is reached divided by
    reached of the previous step.
    """
    return share(reached, reached + dropped)


def relative_change(now: Measure | None, before: Measure | None) -> float | None:
    """How much `now` differs from `before`, as a share of `before`."""
    if now is None or before is None or before <= 0:
        return None
    return float(Decimal(str(now)) / Decimal(str(before))) - 1.0


def mean(total: Decimal | None, number: int | None) -> Decimal | None:
    """Amount for one, such as the average paid order; None without any."""
    if total is None or not number:
        return None
    return Decimal(str(total)) / number


def grade(value: float | None, green_from: float | None, amber_from: float | None) -> Grade:
    """The colour of a conversion by the thresholds of its step (`none` when it has none)."""
    if value is None or green_from is None or amber_from is None:
        return "none"
    if value >= green_from:
        return "green"
    return "amber" if value >= amber_from else "red"
