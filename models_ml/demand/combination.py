"""Which methods to mix, by velocity class, from what they said at earlier origins."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.season import divide
from models_ml.demand.series import SeriesMatrix


def velocity_classes(past: SeriesMatrix, *, config: DemandConfig) -> np.ndarray:
    """Place in `VELOCITY_CLASSES` of every series, int64 (n,).

    By the recent mean number of units a period: `fast` from `fast_from`, `medium` from
    `medium_from`, else `slow`. The limits are per day and grow with the length of the period, up to
    a week: a week of a fast seller is 7 units.
    """
    recent = slice(max(past.periods - config.recent_periods(past), 0), past.periods)
    known = past.known[:, recent]
    pace = divide((past.units[:, recent] * known).sum(axis=1), known.sum(axis=1))
    days = config.days_a_period(past)
    return np.where(
        pace >= config.fast_from * days, 0, np.where(pace >= config.medium_from * days, 1, 2)
    )


def error_scale(past: SeriesMatrix) -> np.ndarray:
    """Root mean square of the one-period differences since the first sale, float64 (n,).

    The divisor of RMSSE in the M5 competitors' guide; NaN where nothing ever changed.
    """
    sold = (past.units > 0).cumsum(axis=1) > 0
    usable = past.known[:, 1:] & past.known[:, :-1] & sold[:, :-1]
    squares = np.where(usable, np.diff(past.units, axis=1) ** 2, 0.0).sum(axis=1)
    mean = divide(squares, usable.sum(axis=1))
    return np.where(mean > 0, np.sqrt(mean), np.nan)


def absolute_scale(past: SeriesMatrix) -> np.ndarray:
    """Mean absolute one-period difference since the first sale (pinball's divisor in M5), (n,)."""
    sold = (past.units > 0).cumsum(axis=1) > 0
    usable = past.known[:, 1:] & past.known[:, :-1] & sold[:, :-1]
    total = np.where(usable, np.abs(np.diff(past.units, axis=1)), 0.0).sum(axis=1)
    mean = divide(total, usable.sum(axis=1))
    return np.where(mean > 0, mean, np.nan)


@dataclass(frozen=True)
class Judged:
    """One earlier origin: what came and what every method had said."""

    classes: np.ndarray
    """int64 (n,), velocity class at that origin."""
    scale: np.ndarray
    """float64 (n,), see `error_scale`."""
    actual: np.ndarray
    """float64 (n, h), NaN where unknown or cut off by a stock-out."""
    said: dict[str, np.ndarray]
    """Method -> float64 (n, h)."""
    past: SeriesMatrix


Weights = dict[int, dict[str, float]]
"""Velocity class -> method -> weight; the weights of a class add up to 1."""


def combine(said: dict[str, np.ndarray], classes: np.ndarray, weights: Weights) -> np.ndarray:
    """The weighted forecast, float64 (n, h)."""
    result = np.zeros_like(next(iter(said.values())))
    for place, mix in weights.items():
        rows = classes == place
        for name, weight in mix.items():
            result[rows] += weight * said[name][rows]
    return result


def choose_weights(judged: list[Judged], *, config: DemandConfig) -> Weights:
    """Weights >= 0 that add up to 1 with the least scaled squared error, class by class.

    Squared errors favour the mean, which stock needs; scaling by the series lets no giant decide.
    An equal mix of all methods weighs `combination_prior` of the data, which keeps a class with few
    observations from trusting one lucky method.
    """
    names = [name for name in judged[0].said if name not in config.baselines_only]
    weights: Weights = {}
    pooled = _gram(judged, names, None)
    for place in range(len(VELOCITY_CLASSES)):
        own = _gram(judged, names, place)
        gram = own[0] + config.class_prior * pooled[0] if own[2] else pooled[0]
        cross = own[1] + config.class_prior * pooled[1] if own[2] else pooled[1]
        weights[place] = _simplex(gram, cross, names, config)
    return weights


def _gram(
    judged: list[Judged], names: list[str], place: int | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean products of scaled forecasts with one another and with the outcome."""
    gram, cross, count = np.zeros((len(names), len(names))), np.zeros(len(names)), 0
    for one in judged:
        rows = np.isfinite(one.scale) & (one.scale > 0)
        if place is not None:
            rows &= one.classes == place
        actual = one.actual[rows] / one.scale[rows, None]
        usable = np.isfinite(actual)
        stack = np.stack([(one.said[name][rows] / one.scale[rows, None])[usable] for name in names])
        gram += stack @ stack.T
        cross += stack @ actual[usable]
        count += int(usable.sum())
    return (gram / count, cross / count, count) if count else (gram, cross, 0)


def _simplex(
    gram: np.ndarray, cross: np.ndarray, names: list[str], config: DemandConfig
) -> dict[str, float]:
    size = len(names)
    equal = np.full(size, 1.0 / size)
    ridge = config.combination_prior * (np.trace(gram) / size + 1e-12) * np.eye(size)
    quadratic, linear = gram + ridge, cross + ridge @ equal
    # min w'Qw - 2 l'w on the simplex, as non-negative least squares with a heavy row for the sum.
    root = np.linalg.cholesky(quadratic + 1e-10 * np.trace(quadratic) * np.eye(size)).T
    heavy = 1e3 * np.sqrt(np.trace(quadratic))
    left = np.vstack([root, heavy * np.ones(size)])
    right = np.append(np.linalg.solve(root.T, linear), heavy)
    solution = optimize.nnls(left, right)[0]
    solution = np.where(solution > config.least_weight, solution, 0.0)
    total = solution.sum()
    solution = solution / total if total > 0 else equal
    return {name: float(w) for name, w in zip(names, solution, strict=True) if w > 0}
