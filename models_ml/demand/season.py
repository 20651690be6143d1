"""Seasonal factors of every series, shrunk towards the profile of all series."""

import numpy as np

from models_ml.demand.config import DemandConfig
from models_ml.demand.series import SeriesMatrix

LEAST_FACTOR = 1e-3


def divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, zero where the divisor is not positive."""
    result = np.zeros(np.broadcast_shapes(top.shape, bottom.shape))
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def seasonal_factors(
    history: SeriesMatrix, columns: np.ndarray, *, config: DemandConfig
) -> np.ndarray:
    """Factor of each series in some columns (past or to come), float64 (n, m), about 1 on average.

    A series' own profile is mixed with that of all series, `season_prior_units` units of it, so a
    slow seller takes the common profile and a fast one keeps its own. Seasons longer than a
    fortnight (weeks or months of a year) need `least_seasons` whole ones, else every factor is 1.
    Closed days need no list: their factor becomes zero by itself.
    """
    length = history.calendar.season
    needed = config.least_seasons * length if length > 14 else 2 * length
    if length == 1 or history.periods < needed:
        return np.ones((len(history.ids), len(columns)))
    window = config.season_seasons_long if length > 14 else config.season_seasons_short
    start = max(history.periods - window * length, 0)
    phases = history.phases(start, history.periods)
    indicator = np.zeros((history.periods - start, length))
    indicator[np.arange(len(phases)), phases] = 1.0
    known = history.known[:, start:].astype(np.float32)
    sold = (history.units[:, start:] * known) @ indicator
    lived = known @ indicator
    profile = _common_profile(sold, lived, smooth=length > 14)
    prior = config.season_prior_units * (4.0 if length > 14 else 1.0)
    expected = lived * profile
    level = divide(sold.sum(axis=1, keepdims=True), expected.sum(axis=1, keepdims=True))
    own = divide(sold + prior / length * profile, level * lived + prior / length)
    factors = np.where(level > 0, own, profile)
    # The factors' mean over the periods lived through is one, so a level keeps its meaning.
    factors = factors / np.maximum(factors.mean(axis=1, keepdims=True), LEAST_FACTOR)
    asked = history.calendar.season_phase(history.first + columns)
    result: np.ndarray = factors[:, asked]
    return result


def _common_profile(sold: np.ndarray, lived: np.ndarray, *, smooth: bool) -> np.ndarray:
    """Profile of all series with mean 1, float64 (season,).

    Every series is scaled by its own level first, by the square root of which it also counts: a
    few giants must not set the season of the rest.
    """
    pace = divide(sold.sum(axis=1), lived.sum(axis=1))
    weight = divide(np.ones_like(pace), np.sqrt(pace))[:, None]
    profile = divide((sold * weight).sum(axis=0), (lived * pace[:, None] * weight).sum(axis=0))
    if smooth:
        profile = 0.25 * np.roll(profile, 1) + 0.5 * profile + 0.25 * np.roll(profile, -1)
    mean = profile.mean()
    return profile / mean if mean > 0 else np.ones_like(profile)
