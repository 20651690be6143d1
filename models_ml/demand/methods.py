"""Forecast methods, each computed for all series at once.

Every method takes a `History` (n series, d days, the last column is the origin) and gives the
expected units of the next `horizon` days, float64 (n, horizon), never negative. A method keeps no
state and sees nothing after the origin. Weekdays are counted relative to the origin, so no method
needs the calendar.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models_ml.demand.config import DemandConfig
from models_ml.demand.panel import History

SEASONAL_NAIVE = "seasonal_naive"


@dataclass(frozen=True)
class Method:
    """A named way to forecast."""

    name: str
    forecast: Callable[[History, int], np.ndarray]


def available_methods(config: DemandConfig) -> tuple[Method, ...]:
    """The methods that compete; the seasonal naive is always the first."""
    weeks = config.moving_average_weeks

    def seasonal_average(history: History, horizon: int) -> np.ndarray:
        return forecast_seasonal_moving_average(history, horizon, weeks=weeks)

    def level_with(half_life: int) -> Callable[[History, int], np.ndarray]:
        def forecast(history: History, horizon: int) -> np.ndarray:
            return forecast_discounted_level(history, horizon, half_life=half_life, config=config)

        return forecast

    return (
        Method(SEASONAL_NAIVE, forecast_seasonal_naive),
        Method(f"seasonal_moving_average_{weeks}", seasonal_average),
        *(
            Method(f"discounted_level_{half_life}", level_with(half_life))
            for half_life in config.half_lives_days
        ),
    )


def forecast_seasonal_naive(history: History, horizon: int) -> np.ndarray:
    """Repeat the last week (Hyndman & Athanasopoulos, FPP3, 5.2); days never seen count as zero."""
    count = history.quantity.shape[0]
    week = np.zeros((count, 7))
    seen = min(7, history.days)
    week[:, 7 - seen :] = history.quantity[:, history.days - seen :]
    expected: np.ndarray = week[:, np.arange(horizon) % 7]
    return expected


def forecast_seasonal_moving_average(history: History, horizon: int, *, weeks: int) -> np.ndarray:
    """Mean of the same weekday over the last `weeks` weeks since the series' start.

    A weekday the series has not lived through yet gets the series' mean day.
    """
    weights = np.zeros(history.days)
    weights[max(history.days - 7 * weeks, 0) :] = 1.0
    sold, lived = history.totals(weights), history.exposure(weights)
    mean_day = _divide(sold.sum(axis=1), lived.sum(axis=1))
    by_weekday = np.where(lived > 0, _divide(sold, lived), mean_day[:, None])
    expected: np.ndarray = by_weekday[:, _phases_ahead(horizon)]
    return expected


def forecast_discounted_level(
    history: History, horizon: int, *, half_life: float, config: DemandConfig
) -> np.ndarray:
    """Simple exponential smoothing of the level times weekday factors.

    With weights w = 2 ** (-age / half_life) and weekday factors f, the level is
    sum(w * y) / sum(w * f) over the days since the start: the discounted least-squares form of
    simple exponential smoothing (Brown 1963, alpha = 1 - 2 ** (-1 / half_life)) with its start-up
    weight removed. As a ratio of sums it needs no division by a zero factor on closed days.
    """
    age = np.arange(history.days - 1, -1, -1)
    weights = np.exp2(-age / half_life)
    factors = weekday_factors(history, config=config)
    sold = history.quantity @ weights
    expected = (history.exposure(weights) * factors).sum(axis=1)
    level = _divide(sold, expected)
    expected_units: np.ndarray = level[:, None] * factors[:, _phases_ahead(horizon)]
    return expected_units


def weekday_factors(history: History, *, config: DemandConfig) -> np.ndarray:
    """Weekday factors with mean 1 for every series, float64 (n, 7), by weekday from the origin's.

    A series' own profile over the last `weekday_days` days, shrunk towards the profile of the
    whole business by `weekday_prior_units` units spread over one imagined week.
    """
    weights = np.zeros(history.days)
    weights[max(history.days - config.weekday_days, 0) :] = 1.0
    sold, lived = history.totals(weights), history.exposure(weights)
    days_seen = np.bincount(history.phases(), weights=weights, minlength=7)
    profile = _divide(sold.sum(axis=0), days_seen)
    mean = profile.mean()
    profile = profile / mean if mean > 0 else np.ones(7)
    prior = config.weekday_prior_units
    share = (sold + prior * profile / 7) / (sold.sum(axis=1, keepdims=True) + prior)
    lived_share = (lived + 1) / (lived.sum(axis=1, keepdims=True) + 7)
    factors = share / lived_share
    normalised: np.ndarray = factors / factors.mean(axis=1, keepdims=True)
    return normalised


def _phases_ahead(horizon: int) -> np.ndarray:
    return np.arange(1, horizon + 1) % 7


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, zero where the divisor is zero."""
    result = np.zeros_like(top, dtype=np.float64)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result
