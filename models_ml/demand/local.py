"""Local forecast methods, each computed for all series at once.

Every method takes the past (a `SeriesMatrix`; its last column is the origin) and gives the expected
units of the next `horizon` periods, float64 (n, horizon), never negative. Periods without stock and
periods before a series begins are unknown, not zero: they have no weight.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models_ml.demand.config import DemandConfig
from models_ml.demand.season import divide, seasonal_factors
from models_ml.demand.series import SeriesMatrix

SEASONAL_NAIVE = "seasonal_naive"
NAIVE = "naive"
Forecast = Callable[[SeriesMatrix, int], np.ndarray]


@dataclass(frozen=True)
class Method:
    """A named way to forecast."""

    name: str
    forecast: Forecast


def available_methods(config: DemandConfig) -> tuple[Method, ...]:
    """The local methods that compete; the seasonal naive is always the first."""

    def average(periods: int) -> Forecast:
        return lambda past, horizon: forecast_moving_average(past, horizon, periods=periods)

    def smoothing(half_life: float, *, seasonal: bool) -> Forecast:
        return lambda past, horizon: forecast_level(
            past, horizon, half_life=half_life, seasonal=seasonal, config=config
        )

    return (
        Method(SEASONAL_NAIVE, forecast_seasonal_naive),
        Method(NAIVE, forecast_naive),
        *(Method(f"moving_average_{n}", average(n)) for n in config.moving_average_periods),
        *(
            Method(f"ses_{half_life}", smoothing(half_life, seasonal=False))
            for half_life in config.half_lives
        ),
        *(
            Method(f"seasonal_ses_{half_life}", smoothing(half_life, seasonal=True))
            for half_life in config.half_lives
        ),
        Method(
            f"seasonal_moving_average_{config.seasonal_average_seasons}",
            lambda past, horizon: forecast_seasonal_average(
                past, horizon, seasons=config.seasonal_average_seasons
            ),
        ),
        Method(
            "sba", lambda past, horizon: forecast_sba(past, horizon, alpha=config.croston_alpha)
        ),
        Method(
            "tsb", lambda past, horizon: forecast_tsb(past, horizon, alpha=config.croston_alpha)
        ),
        Method("adida", lambda past, horizon: forecast_adida(past, horizon, config=config)),
        *_capped_methods(config),
    )


def _capped_methods(config: DemandConfig) -> tuple[Method, ...]:
    """Levels of a history whose spikes are cut: what does not come again must not set a level."""

    def smoothing(half_life: float) -> Forecast:
        return lambda past, horizon: forecast_level(
            without_spikes(past, config=config), horizon, half_life=half_life, seasonal=True,
            config=config,
        )  # fmt: skip

    return (
        *(
            Method(f"capped_ses_{half_life}", smoothing(half_life))
            for half_life in config.half_lives
        ),
        Method(
            "capped_adida",
            lambda past, horizon: forecast_adida(
                without_spikes(past, config=config), horizon, config=config
            ),
        ),
    )


def without_spikes(past: SeriesMatrix, *, config: DemandConfig) -> SeriesMatrix:
    """The history, each period cut at `spike_cap` times the mean of the periods with demand."""
    units = past.units * past.known
    most = config.spike_cap * divide(units.sum(axis=1), (units > 0).sum(axis=1))
    return replace(past, units=np.minimum(past.units, most[:, None]))


def forecast_naive(past: SeriesMatrix, horizon: int) -> np.ndarray:
    """The last known period again."""
    last = past.periods - 1 - np.argmax(past.known[:, ::-1], axis=1)
    units = np.where(past.known.any(axis=1), past.units[np.arange(len(last)), last], 0.0)
    return _flat(units, horizon)


def forecast_seasonal_naive(past: SeriesMatrix, horizon: int) -> np.ndarray:
    """The last season again (FPP3, 5.2); the naive forecast where there is no whole season."""
    length = past.calendar.season
    if past.periods < length or length == 1:
        return forecast_naive(past, horizon)
    columns = past.periods - length + np.arange(horizon) % length
    fallback = forecast_naive(past, horizon)
    return np.where(past.known[:, columns], past.units[:, columns], fallback)


def forecast_moving_average(past: SeriesMatrix, horizon: int, *, periods: int) -> np.ndarray:
    """Mean of the known ones of the last `periods` periods; of all when there is none."""
    weights = np.zeros(past.periods)
    weights[-periods:] = 1.0
    recent = _weighted_level(past, weights)
    return _flat(np.where(np.isfinite(recent), recent, _mean(past)), horizon)


def forecast_seasonal_average(past: SeriesMatrix, horizon: int, *, seasons: int) -> np.ndarray:
    """Mean of the same phase in the last `seasons` seasons; the mean where it was never seen."""
    length = past.calendar.season
    total = np.zeros((len(past.ids), horizon))
    seen = np.zeros_like(total)
    for back in range(1, seasons + 1):
        columns = past.periods - back * length + np.arange(horizon) % length
        usable = columns >= 0
        total[:, usable] += (past.units * past.known)[:, columns[usable]]
        seen[:, usable] += past.known[:, columns[usable]]
    return np.where(seen > 0, divide(total, seen), _mean(past)[:, None])


def forecast_level(
    past: SeriesMatrix, horizon: int, *, half_life: float, seasonal: bool, config: DemandConfig
) -> np.ndarray:
    """Simple exponential smoothing of the level, times seasonal factors.

    With weights w = 2 ** (-age / half_life) and factors f the level is sum(w y) / sum(w f): the
    discounted least-squares form of simple exponential smoothing (Brown 1963, alpha =
    1 - 2 ** (-1 / half_life)) without its start-up weight. As a ratio of sums it needs no division
    by a zero factor on closed days.
    """
    weights = np.exp2(-np.arange(past.periods - 1, -1, -1) / half_life)
    used = np.flatnonzero(weights > 1e-6)[0]
    columns = np.arange(used, past.periods + horizon)
    factors = (
        seasonal_factors(past, columns, config=config) if seasonal else np.ones((1, len(columns)))
    )
    kept = past.periods - used
    known = past.known[:, used:]
    sold = (past.units[:, used:] * known) @ weights[used:]
    exposure = (known * factors[:, :kept]) @ weights[used:]
    level = divide(sold, exposure)
    expected: np.ndarray = level[:, None] * factors[:, kept:]
    return np.broadcast_to(expected, (len(past.ids), horizon)).copy()


def forecast_sba(past: SeriesMatrix, horizon: int, *, alpha: float) -> np.ndarray:
    """Syntetos-Boylan approximation (2005): Croston's size over interval, times 1 - alpha / 2."""
    count = len(past.ids)
    size, interval = np.zeros(count), np.zeros(count)
    since = np.zeros(count)
    for column in range(past.periods):
        known = past.known[:, column]
        units = past.units[:, column]
        since += known
        sold = known & (units > 0)
        first = sold & (size == 0)
        rate = np.where(first, 1.0, alpha)
        size = np.where(sold, size + rate * (units - size), size)
        interval = np.where(sold, interval + rate * (since - interval), interval)
        since = np.where(sold, 0.0, since)
    return _flat(divide(size, np.maximum(interval, 1.0)) * (1 - alpha / 2), horizon)


def forecast_tsb(past: SeriesMatrix, horizon: int, *, alpha: float) -> np.ndarray:
    """Teunter-Syntetos-Babai (2011): probability of demand, smoothed every period, times size."""
    size = divide(
        (past.units * past.known).sum(axis=1), ((past.units > 0) & past.known).sum(axis=1)
    )
    chance = divide(((past.units > 0) & past.known).sum(axis=1), past.known.sum(axis=1))
    start = max(past.periods - round(10 / alpha), 0)
    for column in range(start, past.periods):
        known = past.known[:, column]
        units = past.units[:, column]
        sold = known & (units > 0)
        chance = np.where(known, chance + alpha * (sold - chance), chance)
        size = np.where(sold, size + alpha * (units - size), size)
    return _flat(chance * size, horizon)


def forecast_adida(past: SeriesMatrix, horizon: int, *, config: DemandConfig) -> np.ndarray:
    """Aggregate to blocks about as long as the mean interval between demands, smooth, share out.

    Nikolopoulos et al. (2011); the smoothing constant of each series is the one of
    `adida_alphas` with the least squared error one block ahead.
    """
    demands = ((past.units > 0) & past.known).sum(axis=1)
    interval = np.clip(divide(past.known.sum(axis=1), demands), 1, past.periods)
    lengths = np.array([length for length in config.adida_periods if length <= past.periods])
    nearest = np.abs(np.log(interval[:, None] / lengths)).argmin(axis=1)
    level = np.zeros(len(past.ids))
    for place in np.unique(nearest):
        rows = np.flatnonzero(nearest == place)
        level[rows] = _block_level(past, rows, int(lengths[place]), np.array(config.adida_alphas))
    return _flat(level, horizon)


def _block_level(
    past: SeriesMatrix, rows: np.ndarray, length: int, alphas: np.ndarray
) -> np.ndarray:
    """Pace of some series by exponential smoothing over blocks of one length, float64 (n,)."""
    blocks = min(past.periods // length, 200)
    start = past.periods - blocks * length
    shape = (len(rows), blocks, length)
    known = past.known[rows, start:].reshape(shape)
    sums = (past.units[rows, start:].reshape(shape) * known).sum(axis=2)
    seen = known.sum(axis=2)
    pace = divide(sums, seen)
    level = np.tile(divide(sums.sum(axis=1), seen.sum(axis=1)), (len(alphas), 1))
    error = np.zeros_like(level)
    for number in range(blocks):
        step = np.where(seen[:, number] > 0, pace[:, number] - level, 0.0)
        error += step * step
        level += alphas[:, None] * step
    best: np.ndarray = level[error.argmin(axis=0), np.arange(len(rows))]
    return best


def _weighted_level(past: SeriesMatrix, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of known periods, NaN where none has weight, float64 (n,)."""
    used = np.flatnonzero(weights)
    known = past.known[:, used]
    exposure = known @ weights[used]
    sold = (past.units[:, used] * known) @ weights[used]
    return np.where(exposure > 0, divide(sold, exposure), np.nan)


def _mean(past: SeriesMatrix) -> np.ndarray:
    found: np.ndarray = np.nan_to_num(_weighted_level(past, np.ones(past.periods)))
    return found


def _flat(level: np.ndarray, horizon: int) -> np.ndarray:
    return np.repeat(level[:, None], horizon, axis=1)
