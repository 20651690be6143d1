"""From an expected value to a distribution, and its calibration on earlier errors.

Counts follow a negative binomial with variance m + phi m^2 around the expected value m; phi is each
series' own, shrunk towards that of its velocity class (moment estimates, empirical Bayes by units
of information). Amounts that are not whole numbers follow a gamma of the same variance with an atom
at zero. Either way the distribution is then calibrated per velocity class: the probability integral
transforms of earlier forecasts say which level of the model's quantile has held which share of
outcomes (split conformal prediction on the transform; randomised for counts as in Czado, Gneiting
& Held 2009).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.season import divide

LEAST_MEAN = 1e-4
SEARCHED_UNITS = 12
"""Quantiles up to here are found by adding up probabilities."""
LEAST_SHAPE = 1.0
"""Gamma shape from which the cube approximation serves."""


def pooled_dispersion(
    squares: np.ndarray,
    expected: np.ndarray,
    variance_scale: np.ndarray,
    groups: np.ndarray,
    *,
    prior: float,
    least: float,
) -> np.ndarray:
    """Dispersion of every series, shrunk towards its group's, float64 (n,).

    Args:
        squares: sum over periods of squared error less the Poisson variance, (n,).
        expected: sum over periods of the expected value, (n,): the units of information.
        variance_scale: sum over periods of the squared expected value, (n,).
        groups: int64 (n,).
        prior: units of information that the group's estimate weighs.
        least: smallest dispersion.
    """
    own = divide(squares, variance_scale)
    weight = divide(np.ones_like(expected), np.sqrt(variance_scale))
    top = np.bincount(groups, squares * weight)
    bottom = np.bincount(groups, variance_scale * weight)
    pooled = np.maximum(divide(top, bottom), least)[groups]
    trust = expected / (expected + prior)
    found: np.ndarray = np.maximum(trust * own + (1 - trust) * pooled, least)
    return found


def cumulative_probability(
    units: np.ndarray, expected: np.ndarray, dispersion: np.ndarray, *, is_count: bool
) -> np.ndarray:
    """P(demand <= units) of the uncalibrated distribution; arrays broadcast."""
    mean = np.maximum(expected, LEAST_MEAN)
    if is_count:
        size = 1.0 / dispersion
        inside: np.ndarray = stats.nbinom.cdf(np.floor(units), size, size / (size + mean))
        return inside
    shape, scale = _gamma(mean, dispersion)
    return np.asarray(special.gammainc(shape, np.maximum(units, 0.0) / scale))


def model_quantile(
    level: np.ndarray | float, expected: np.ndarray, dispersion: np.ndarray, *, is_count: bool
) -> np.ndarray:
    """Quantile of the uncalibrated distribution; arrays broadcast, 0 < level < 1."""
    mean = np.maximum(expected, LEAST_MEAN)
    if is_count:
        return negative_binomial_quantile(level, mean, dispersion)
    shape, scale = _gamma(mean, dispersion)
    return np.asarray(special.gammaincinv(shape, level) * scale)


def negative_binomial_quantile(
    level: np.ndarray | float, mean: np.ndarray, dispersion: np.ndarray
) -> np.ndarray:
    """Smallest whole number whose cumulative probability reaches the level.

    Small answers are exact, found by adding up probabilities; see `_large_quantile` for the rest.
    """
    size = 1.0 / np.broadcast_to(dispersion, mean.shape)
    chance = size / (size + mean)
    wanted = np.broadcast_to(level, mean.shape)
    probability = np.exp(size * np.log(chance))
    below, result = probability.copy(), np.zeros(mean.shape)
    for units in range(1, SEARCHED_UNITS + 1):
        open_cells = below < wanted
        if not open_cells.any():
            return result
        result += open_cells
        probability = probability * (size + units - 1) / units * (1 - chance)
        below += probability
    rest = below < wanted
    if rest.any():
        result[rest] = _large_quantile(wanted[rest], mean[rest], size[rest])
    return result


def _large_quantile(level: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Quantiles above 12 units: the gamma of the same mean and variance, rounded half up.

    Wilson and Hilferty's cube (1931) where its shape is large enough, else the exact inverse; a
    count of this size is within a unit or two per cent of it, at a hundredth of the cost of a
    search.
    """
    shape = mean / (1.0 + mean / size)
    shrink = 1.0 / (9.0 * shape)
    cube = 1.0 - shrink + special.ndtri(level) * np.sqrt(shrink)
    quantile = mean * np.maximum(cube, 0.0) ** 3
    small = shape < LEAST_SHAPE
    quantile[small] = special.gammaincinv(shape[small], level[small]) * mean[small] / shape[small]
    result: np.ndarray = np.maximum(np.floor(quantile + 0.5), SEARCHED_UNITS + 1)
    return result


def _gamma(mean: np.ndarray, dispersion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = np.clip(1.0 / dispersion, 1e-2, 1e6)
    return shape, mean / shape


@dataclass(frozen=True)
class Calibration:
    """Which model level stands for which wanted level, by velocity class."""

    levels: np.ndarray
    """float64 (grid,), wanted levels in rising order, with 0 and 1."""
    stands_for: np.ndarray
    """float64 (classes, grid), the model's level that held that share of outcomes."""

    def model_level(self, wanted: float, classes: np.ndarray) -> np.ndarray:
        """Level to ask the model for, float64 (n,)."""
        table = np.array([np.interp(wanted, self.levels, row) for row in self.stands_for])
        found: np.ndarray = np.clip(table, 1e-6, 1 - 1e-6)[classes]
        return found

    def calibrated(self, transformed: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Wanted level at which each transform of the model stands, like `transformed` (n, h)."""
        result = np.empty_like(transformed)
        for place, row in enumerate(self.stands_for):
            rows = classes == place
            result[rows] = np.interp(transformed[rows], row, self.levels)
        return result


def identity_calibration() -> Calibration:
    """No correction: a history too short to judge anything."""
    ends = np.array([0.0, 1.0])
    return Calibration(ends, np.tile(ends, (len(VELOCITY_CLASSES), 1)))


def transforms(
    actual: np.ndarray,
    expected: np.ndarray,
    dispersion: np.ndarray,
    *,
    is_count: bool,
    seed: int,
) -> np.ndarray:
    """Randomised probability integral transform of outcomes, float64 like `actual`, in [0, 1]."""
    upper = cumulative_probability(actual, expected, dispersion, is_count=is_count)
    if not is_count:
        return upper
    lower = cumulative_probability(actual - 1, expected, dispersion, is_count=True)
    lower = np.where(actual >= 1, lower, 0.0)
    share = np.random.default_rng(seed).random(actual.shape)
    result: np.ndarray = lower + share * (upper - lower)
    return result


def fit_calibration(
    transformed: np.ndarray, classes: np.ndarray, *, config: DemandConfig
) -> Calibration:
    """Levels that held on earlier forecasts; small classes are drawn towards no correction.

    Args:
        transformed: see `transforms`, (n, h), NaN where the outcome is unknown.
        classes: velocity class of every row, (n,).
        config: `calibration_prior` outcomes that "no correction" weighs.
    """
    grid = np.concatenate([[0.0, 0.0025, 0.005, 0.01], np.arange(0.025, 0.98, 0.025),
                           [0.98, 0.99, 0.995, 0.9975, 1.0]])  # fmt: skip
    table = np.tile(grid, (len(VELOCITY_CLASSES), 1))
    for place in range(len(VELOCITY_CLASSES)):
        values = transformed[classes == place]
        values = values[np.isfinite(values)]
        if len(values):
            trust = len(values) / (len(values) + config.calibration_prior)
            table[place] = trust * np.quantile(values, grid) + (1 - trust) * grid
            table[place, [0, -1]] = 0.0, 1.0
    return Calibration(grid, table)
