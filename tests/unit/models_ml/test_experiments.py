"""Effects against a published example, and by how often the interval holds the planted effect."""

import numpy as np
import pytest

from models_ml.experiments import (
    EffectConfig,
    compare_amounts,
    compare_shares,
    wilson_interval,
)

SMALL = EffectConfig(least_group=1)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_intervals_are_those_that_newcombe_published(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    effect = compare_shares(first, second, higher_is_better=True, config=SMALL)
    assert (effect.low, effect.high) == pytest.approx((low, high), abs=5e-5)
    assert effect.verdict == "better"
    assert compare_shares(first, second, higher_is_better=False, config=SMALL).verdict == "worse"


def test_wilson_interval_at_its_ends() -> None:
    assert wilson_interval(0, 10, confidence=0.95) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert wilson_interval(10, 10, confidence=0.95) == pytest.approx((0.72247, 1.0), abs=1e-5)


def test_planted_effects_are_in_the_interval_as_often_as_promised() -> None:
    random = np.random.default_rng(5)
    acted_on, held_out = random.binomial(900, 0.12, 1000), random.binomial(100, 0.08, 1000)
    effects = [
        compare_shares((int(a), 900), (int(h), 100), higher_is_better=True)
        for a, h in zip(acted_on, held_out, strict=True)
    ]
    covered = sum((e.low or 0) <= 0.04 <= (e.high or 0) for e in effects)
    assert 925 <= covered <= 975
    nothing = random.binomial(900, 0.08, 1000)
    false = sum(
        compare_shares((int(a), 900), (int(h), 100), higher_is_better=True).verdict != "undecided"
        for a, h in zip(nothing, held_out, strict=True)
    )
    assert false < 75


def test_amounts_are_compared_by_bootstrap() -> None:
    random = np.random.default_rng(3)
    acted_on, held_out = random.gamma(2, 60, 900), random.gamma(2, 40, 300)
    effect = compare_amounts(acted_on, held_out, higher_is_better=True)
    assert effect.low is not None
    assert effect.difference is not None
    assert effect.high is not None
    assert effect.low < effect.difference < effect.high
    assert effect.low < 40 < effect.high
    assert effect.verdict == "better"
    assert compare_amounts(acted_on, held_out, higher_is_better=True) == effect
    assert compare_amounts(held_out, held_out, higher_is_better=True).verdict == "undecided"


def test_too_little_is_undecided() -> None:
    assert compare_shares((20, 20), (0, 20), higher_is_better=True).verdict == "undecided"
    assert compare_shares((1, 1), (0, 0), higher_is_better=True).verdict == "undecided"
    assert (
        compare_amounts(np.array([1.0]), np.ones(50), higher_is_better=True).verdict == "undecided"
    )
    with pytest.raises(ValueError, match="5 of 4 is no share"):
        compare_shares((5, 4), (0, 1), higher_is_better=True)
