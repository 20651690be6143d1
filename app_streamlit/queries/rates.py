"""How one shown figure compares with another: a part with its whole, now with before, a target.

A rate that means something in the business is a metric of the semantic layer
(`app_streamlit/queries/metrics.py`), never a division here.
"""

from decimal import Decimal
from math import sqrt
from statistics import NormalDist
from typing import Literal

Measure = int | float | Decimal
Grade = Literal["green", "amber", "red", "none"]
CONFIDENCE = 0.95


def share(part: Measure | None, whole: Measure | None) -> float | None:
    """`part` of `whole` between 0 and 1; None when the whole is zero or unknown."""
    if part is None or whole is None or not whole:
        return None
    return float(Decimal(str(part)) / Decimal(str(whole)))


def relative_change(now: Measure | None, before: Measure | None) -> float | None:
    """How much `now` differs from `before`, as a share of `before`."""
    if now is None or before is None or before <= 0:
        return None
    return float(Decimal(str(now)) / Decimal(str(before))) - 1.0


def grade(value: float | None, green_from: float | None, amber_from: float | None) -> Grade:
    """The colour of a conversion by the thresholds of its step (`none` when it has none)."""
    if value is None or green_from is None or amber_from is None:
        return "none"
    if value >= green_from:
        return "green"
    return "amber" if value >= amber_from else "red"


def wilson_interval(
    part: int, whole: int, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Between which two shares the true one lies, by Wilson's score interval.

    It stays within 0 and 1 and is honest for few observations and for shares near the ends, where
    the normal approximation is not (Wilson, J. Amer. Stat. Assoc. 22 (1927), 209-212).

    Args:
        part: how many did, at most `whole`.
        whole: how many could.
        confidence: how often such an interval holds the true share, between 0 and 1.

    Returns:
        The lower and the upper end; None when nobody could.
    """
    if whole <= 0:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = part / whole
    centre = rate + z * z / (2 * whole)
    half = z * sqrt(rate * (1 - rate) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
