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
FEWEST = 30
"""Observations from which an interval by the normal approximation, or a verdict, is worth it."""
Interval = tuple[float, float]


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


def share_difference(
    part: int, whole: int, other_part: int, other_whole: int, confidence: float = CONFIDENCE
) -> Interval | None:
    """Between which two values the difference of two shares lies, the first less the second.

    Newcombe's hybrid score interval: the two Wilson intervals, put together as independent errors
    (R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10).

    Args:
        part: how many did of the first group, at most `whole`.
        whole: how many could.
        other_part: how many did of the second group.
        other_whole: how many could.
        confidence: how often such an interval holds the true difference.

    Returns:
        The lower and the upper end; None when nobody could in one of the groups.
    """
    first = wilson_interval(part, whole, confidence)
    second = wilson_interval(other_part, other_whole, confidence)
    if first is None or second is None:
        return None
    rate, other = part / whole, other_part / other_whole
    difference = rate - other
    down = sqrt((rate - first[0]) ** 2 + (second[1] - other) ** 2)
    up = sqrt((first[1] - rate) ** 2 + (other - second[0]) ** 2)
    return difference - down, difference + up


def net_promoter_score(promoters: int, detractors: int, whole: int) -> float | None:
    """100 times the share of promoters less that of detractors; None when nobody answered."""
    return 100 * (promoters - detractors) / whole if whole > 0 else None


def net_promoter_interval(
    promoters: int, detractors: int, whole: int, confidence: float = CONFIDENCE
) -> Interval | None:
    """Between which two points the true net promoter score lies, by the normal approximation.

    Promoters (share p) and detractors (share d) are two cells of one multinomial sample of n, so
    the variance of p - d is (p + d - (p - d)^2) / n.

    Args:
        promoters: how many gave 9 or 10.
        detractors: how many gave 0 to 6.
        whole: how many answered.
        confidence: how often such an interval holds the true score.

    Returns:
        The lower and the upper end within -100 and 100; None of fewer than `FEWEST` answers, for
        which the approximation does not hold.
    """
    score = net_promoter_score(promoters, detractors, whole)
    if score is None or whole < FEWEST:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    both, difference = (promoters + detractors) / whole, (promoters - detractors) / whole
    half = 100 * z * sqrt((both - difference * difference) / whole)
    return max(-100.0, score - half), min(100.0, score + half)
