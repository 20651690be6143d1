"""How far a forecast may be off, learnt from the errors of the back-test.

An error is divided by the series' own recent spread; the quantiles of these ratios, pooled over
the series of a velocity class, give the interval (split conformal prediction with a scaled score,
Lei et al. 2018). The same errors added up over days give the spread of cumulative demand, which
is what stock has to cover; it is never derived from daily quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.panel import History

LEAST_DAY_RATIO = 0.01
"""A weekday without demand keeps this share of a mean day's variance."""

SPREAD_QUANTILE = 0.95
"""The quantile at which the spread of summed errors is measured: see `fit_spread`."""

FoldArrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Classes (n,), actual (n, h), expected (n, h), series scale (n,)."""


def series_scale(history: History, *, config: DemandConfig) -> np.ndarray:
    """Recent standard deviation of a day's units, at least the Poisson one, float64 (n,)."""
    recent = history.quantity[:, -config.recent_days :]
    lived = np.clip(history.days - history.started, 1, recent.shape[1])
    mean = recent.sum(axis=1) / lived
    variance = np.square(recent).sum(axis=1) / lived - np.square(mean)
    least = 1.0 / config.recent_days
    scale: np.ndarray = np.sqrt(np.maximum(np.maximum(variance, mean), least))
    return scale


def day_scale(expected: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Spread of each forecast day, (n, h): the variance follows the expected units of the day."""
    mean = expected.mean(axis=1, keepdims=True)
    ratio = np.divide(expected, mean, out=np.ones_like(expected), where=mean > 0)
    result: np.ndarray = scale[:, None] * np.sqrt(np.maximum(ratio, LEAST_DAY_RATIO))
    return result


@dataclass(frozen=True)
class Spread:
    """Scaled error quantiles and cumulative spreads by velocity class (rows as in the config)."""

    lower: np.ndarray
    """float64 (3,), lower quantile of error / scale."""
    upper: np.ndarray
    """float64 (3,)."""
    cumulative: np.ndarray
    """float64 (3, h): spread of the summed error of the first 1..h days, over scale."""

    def interval(
        self, expected: np.ndarray, scale: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper units of each day, (n, h): 0 <= lower <= expected <= upper."""
        width = day_scale(expected, scale)
        lower = np.minimum(expected + self.lower[classes][:, None] * width, expected)
        upper = np.maximum(expected + self.upper[classes][:, None] * width, expected)
        return np.maximum(lower, 0.0), upper

    def cumulative_spread(self, scale: np.ndarray, classes: np.ndarray, horizon: int) -> np.ndarray:
        """Spread in units of the demand of the first 1..horizon days, float64 (n, horizon).

        Multiplied with the normal z of a service level it gives the stock above the expectation;
        at 95 % that is the back-test's own quantile. Beyond the judged horizon it
        grows with the square root of the days.
        """
        known = self.cumulative.shape[1]
        days = np.arange(1, horizon + 1)
        table = self.cumulative[:, np.minimum(days, known) - 1]
        table = table * np.sqrt(np.maximum(days, known) / known)
        spread: np.ndarray = scale[:, None] * table[classes]
        return spread


def fit_spread(folds: Sequence[FoldArrays], *, share: float) -> Spread:
    """Pool the errors of some folds.

    The spread of summed errors is their 95 % quantile divided by the normal 95 % point: demand is
    skewed and has giant orders, so a root mean square would be ruled by a handful of series.

    Args:
        folds: arrays of each fold, all with the same horizon.
        share: share of days the interval shall cover, split evenly over both tails. A class
            without series takes the quantiles of all series together.
    """
    classes = np.concatenate([fold[0] for fold in folds])
    actual = np.concatenate([fold[1] for fold in folds]).astype(np.float64)
    expected = np.concatenate([fold[2] for fold in folds]).astype(np.float64)
    scale = np.concatenate([fold[3] for fold in folds])
    error = actual - expected
    scaled = error / day_scale(expected, scale)
    summed = error.cumsum(axis=1) / scale[:, None]
    tail = (1 - share) / 2
    lower, upper, cumulative = [], [], []
    for place in range(len(VELOCITY_CLASSES)):
        rows = classes == place
        if not rows.any():
            rows = np.ones_like(rows)
        low, high = np.quantile(scaled[rows], [tail, 1 - tail])
        lower.append(low)
        upper.append(high)
        reach = np.quantile(summed[rows], SPREAD_QUANTILE, axis=0)
        cumulative.append(np.maximum(reach, 0.0) / stats.norm.ppf(SPREAD_QUANTILE))
    return Spread(np.array(lower), np.array(upper), np.array(cumulative))


def poisson_interval(expected: np.ndarray, *, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Interval without any back-test, (n, h): Poisson demand around the expectation."""
    tail = (1 - share) / 2
    lower = stats.poisson.ppf(tail, expected)
    upper = stats.poisson.ppf(1 - tail, expected)
    return np.minimum(np.maximum(lower, 0.0), expected), np.maximum(upper, expected)


def poisson_cumulative_spread(expected: np.ndarray) -> np.ndarray:
    """Spread of the first 1..h days of Poisson demand, (n, h)."""
    spread: np.ndarray = np.sqrt(expected.cumsum(axis=1))
    return spread
