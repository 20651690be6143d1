"""What acting changed, from a random hold-out: a difference with its interval, and a verdict.

Shares are compared by Newcombe's hybrid score interval (R. G. Newcombe, Statistics in Medicine 17,
1998, 873-890, method 10), which holds for small groups and for shares near 0 and 1; amounts by the
percentile bootstrap of the difference of means.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import bootstrap, norm

Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class EffectConfig:
    """How an effect is judged.

    Attributes:
        confidence: of the interval, between 0 and 1.
        least_group: fewest subjects in each group; below it the verdict is undecided.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    confidence: float = 0.95
    least_group: int = 30
    resamples: int = 2_000
    seed: int = 0


@dataclass(frozen=True)
class Effect:
    """A difference between the subjects acted on and those held out.

    Attributes:
        acted_on: subjects acted on.
        held_out: subjects held out.
        value_acted_on: share or mean among the first.
        value_held_out: share or mean among the second.
        difference: the first less the second.
        low: lower end of the interval of the difference.
        high: upper end.
        verdict: undecided while a group is empty or small (then the figures may be None); better or
            worse only if the whole interval is on one side of zero.
    """

    acted_on: int
    held_out: int
    value_acted_on: float | None
    value_held_out: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict


def compare_shares(
    acted_on: tuple[int, int],
    held_out: tuple[int, int],
    *,
    higher_is_better: bool,
    config: EffectConfig | None = None,
) -> Effect:
    """Compare two shares.

    Args:
        acted_on: successes and subjects of the group acted on.
        held_out: successes and subjects of the group held out.
        higher_is_better: whether a larger share is the better one.
        config: how to judge.

    Raises:
        ValueError: there are more successes than subjects, or a negative number.
    """
    config = config or EffectConfig()
    for successes, count in (acted_on, held_out):
        if not 0 <= successes <= count:
            raise ValueError(
                f"{successes} of {count} is no share; give successes between 0 and the count."
            )
    if not (acted_on[1] and held_out[1]):
        return _nothing_known(acted_on[1], held_out[1])
    first, second = acted_on[0] / acted_on[1], held_out[0] / held_out[1]
    low_1, high_1 = wilson_interval(*acted_on, confidence=config.confidence)
    low_2, high_2 = wilson_interval(*held_out, confidence=config.confidence)
    difference = first - second
    low = difference - float(np.hypot(first - low_1, high_2 - second))
    high = difference + float(np.hypot(high_1 - first, second - low_2))
    counts = (acted_on[1], held_out[1])
    verdict = _judge(low, high, counts, higher_is_better, config)
    return Effect(*counts, first, second, difference, low, high, verdict)


def compare_amounts(
    acted_on: np.ndarray,
    held_out: np.ndarray,
    *,
    higher_is_better: bool,
    config: EffectConfig | None = None,
) -> Effect:
    """Compare two means of amounts in one currency.

    Args:
        acted_on: an amount a subject acted on.
        held_out: an amount a subject held out.
        higher_is_better: whether a larger mean is the better one.
        config: how to judge.
    """
    config = config or EffectConfig()
    counts = (len(acted_on), len(held_out))
    if min(counts) < 2:
        return _nothing_known(*counts)
    first, second = float(np.mean(acted_on)), float(np.mean(held_out))
    interval = bootstrap(
        (acted_on, held_out),
        lambda one, other, axis: np.mean(one, axis=axis) - np.mean(other, axis=axis),
        n_resamples=config.resamples,
        confidence_level=config.confidence,
        method="percentile",
        batch=100,
        rng=np.random.default_rng(config.seed),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    verdict = _judge(low, high, counts, higher_is_better, config)
    return Effect(*counts, first, second, first - second, low, high, verdict)


def wilson_interval(successes: int, count: int, *, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, JASA 22, 1927, 209-212).

    Args:
        successes: how many of them.
        count: how many there are, at least 1.
        confidence: of the interval, between 0 and 1.
    """
    low, high = wilson_intervals(np.array([successes]), np.array([count]), confidence=confidence)
    return float(low[0]), float(high[0])


def wilson_intervals(
    successes: np.ndarray, counts: np.ndarray, *, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """`wilson_interval` of many shares (n,); NaN where there is nothing to count."""
    z = float(norm.ppf((1 + confidence) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / counts
        centre = share + z * z / (2 * counts)
        spread = z * np.sqrt(share * (1 - share) / counts + z * z / (4 * counts * counts))
        scale = 1 + z * z / counts
        low, high = (centre - spread) / scale, (centre + spread) / scale
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def _judge(
    low: float,
    high: float,
    counts: tuple[int, int],
    higher_is_better: bool,
    config: EffectConfig,
) -> Verdict:
    if min(counts) < config.least_group or low <= 0 <= high:
        return "undecided"
    return "better" if (low > 0) == higher_is_better else "worse"


def _nothing_known(acted_on: int, held_out: int) -> Effect:
    return Effect(acted_on, held_out, None, None, None, None, None, "undecided")
