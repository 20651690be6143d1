"""What each series will sell in the coming weeks, as needed by a weekly ordering policy.

A level times a factor of the week of the year, with negative-binomial noise around it. Levels mix a
quick and a slow discounted mean and follow, in part, what the series' store and product group have
done lately; factors are those of the series' department, drawn towards those of all series; the
dispersion is each series' own, drawn towards that of series of similar pace. Weeks without stock
are unknown. Spikes are cut before levels are taken: a bulk sale says little of the weeks to come.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models_ml.demand.quantiles import pooled_dispersion
from models_ml.demand.season import divide
from models_ml.replenishment.config import ScenarioConfig

WEEKS_OF_YEAR = 53
LEAST_FACTOR = 0.05


@dataclass(frozen=True)
class WeeklyDemand:
    """Distribution of the coming weeks: independent negative binomials."""

    mean: np.ndarray
    """float64 (n, weeks)."""
    dispersion: np.ndarray
    """float64 (n,): phi of the variance m + phi m^2."""

    def scenarios(self, count: int, *, seed: int) -> np.ndarray:
        """Whole units of every series, week and scenario, float64 (weeks, n, count)."""
        rng = np.random.default_rng(seed)
        series, weeks = self.mean.shape
        phi = self.dispersion[None, :, None]
        mixing = rng.gamma(1.0 / phi, phi, size=(weeks, series, count))
        drawn: np.ndarray = rng.poisson(self.mean.T[:, :, None] * mixing).astype(np.float64)
        return drawn


def weekly_demand(
    units: np.ndarray,
    known: np.ndarray,
    weeks_of_year: np.ndarray,
    coming_weeks_of_year: np.ndarray,
    *,
    attributes: pd.DataFrame,
    config: ScenarioConfig,
) -> WeeklyDemand:
    """Learn from a history what the coming weeks may bring.

    Args:
        units: units sold, float64 (n, weeks), >= 0.
        known: bool (n, weeks), false in weeks without stock.
        weeks_of_year: ISO week of every column, int (weeks,).
        coming_weeks_of_year: ISO weeks to forecast, the next one first.
        attributes: categories of every series (n rows): store, product group, department, ...
        config: settings.
    """
    groups = _group_columns(attributes, config)
    every_week = np.concatenate([weeks_of_year, coming_weeks_of_year])
    factors = _factors(units, known, weeks_of_year, groups["season"], config)[:, every_week - 1]
    past, coming = factors[:, : units.shape[1]], factors[:, units.shape[1] :]
    cut = _without_spikes(units * known, known, past, config)
    level = sum(
        weight * _discounted_level(cut, known, past, half_life)
        for half_life, weight in config.level_half_lives
    )
    level = np.asarray(level)
    level = level * _group_trend(cut, known, past, level, groups=groups, config=config)
    mean = np.maximum(level[:, None] * coming * config.mean_share, config.least_mean)
    return WeeklyDemand(mean, _dispersion(cut, known, past, level, config))


def _group_columns(attributes: pd.DataFrame, config: ScenarioConfig) -> dict[str, list[np.ndarray]]:
    """Groups whose season and whose trend a series shares, chosen by how many series they hold.

    Season: the finest attribute whose groups hold `season_group_series` series on average. Trend:
    all attributes whose groups hold between the two sizes of `trend_group_series`.
    """
    season: list[tuple[float, np.ndarray]] = []
    trend = []
    low, high = config.trend_group_series
    for name in attributes.columns:
        codes, values = pd.factorize(attributes[name].astype(str), sort=True)
        size = len(codes) / max(len(values), 1)
        if len(values) < 2:
            continue
        if size >= config.season_group_series:
            season.append((size, codes))
        if low <= size <= high:
            trend.append(codes)
    finest = [min(season, key=lambda pair: pair[0])[1]] if season else []
    return {"season": finest, "trend": trend}


def _factors(
    units: np.ndarray,
    known: np.ndarray,
    weeks: np.ndarray,
    groups: list[np.ndarray],
    config: ScenarioConfig,
) -> np.ndarray:
    """Factor of every week of the year, float64 (n, 53); 1 on less than a year of history."""
    if units.shape[1] < config.season_least_weeks:
        return np.ones((len(units), WEEKS_OF_YEAR))
    overall = _profile(units, known, weeks, config)
    result = np.tile(overall, (len(units), 1))
    for codes in groups:
        for code in range(int(codes.max()) + 1):
            rows = codes == code
            own = _profile(units[rows], known[rows], weeks, config)
            recent = units[rows][:, -104:] * known[rows][:, -104:]
            pace = recent.sum() / recent.shape[1]
            trust = pace / (pace + config.season_prior_units)
            result[rows] = np.exp(trust * np.log(own) + (1 - trust) * np.log(overall))
    return result**config.season_power


def _profile(
    units: np.ndarray, known: np.ndarray, weeks: np.ndarray, config: ScenarioConfig
) -> np.ndarray:
    """Mean units a series in every week of the year, with mean 1, lightly smoothed, (53,)."""
    by_column = divide((units * known).sum(axis=0), known.sum(axis=0).astype(float))
    seen = np.bincount(weeks - 1, known.any(axis=0), WEEKS_OF_YEAR)
    means = divide(np.bincount(weeks - 1, by_column * known.any(axis=0), WEEKS_OF_YEAR), seen)
    level = means[seen > 0].mean() if (seen > 0).any() else 0.0
    if level <= 0:
        return np.ones(WEEKS_OF_YEAR)
    year = np.where(seen > 0, means / level, 1.0)[:52]
    side = config.season_smoothing / 2
    year = side * np.roll(year, 1) + (1 - 2 * side) * year + side * np.roll(year, -1)
    found: np.ndarray = np.maximum(np.append(year, year[-1]), LEAST_FACTOR)
    return found


def _without_spikes(
    units: np.ndarray, known: np.ndarray, factors: np.ndarray, config: ScenarioConfig
) -> np.ndarray:
    """Units cut at the year's seasonal mean plus some standard deviations and one unit."""
    year = slice(-52, None)
    mean = (
        divide(units[:, year].sum(axis=1), (known * factors)[:, year].sum(axis=1))[:, None]
        * factors
    )
    spread = np.sqrt(mean + config.spike_dispersion * mean**2)
    result: np.ndarray = np.minimum(units, mean + config.spike_deviations * spread + 1.0)
    return result


def _discounted_level(
    units: np.ndarray, known: np.ndarray, factors: np.ndarray, half_life: float
) -> np.ndarray:
    weights = np.exp2(-np.arange(units.shape[1] - 1, -1, -1) / half_life)
    return divide((units * known) @ weights, (known * factors) @ weights)


def _group_trend(
    units: np.ndarray,
    known: np.ndarray,
    factors: np.ndarray,
    level: np.ndarray,
    *,
    groups: dict[str, list[np.ndarray]],
    config: ScenarioConfig,
) -> np.ndarray:
    """By how much a series follows its groups' recent departure from their levels, (n,)."""
    weights = np.exp2(-np.arange(units.shape[1] - 1, -1, -1) / config.trend_half_life)
    sold = (units * known) @ weights
    expected = (known * factors) @ weights * level
    trend = np.ones(len(level))
    prior = config.trend_prior_units
    for codes in groups["trend"]:
        ratio = (np.bincount(codes, sold) + prior) / (np.bincount(codes, expected) + prior)
        trend *= ratio[codes] ** config.trend_power
    return trend


def _dispersion(
    units: np.ndarray,
    known: np.ndarray,
    factors: np.ndarray,
    level: np.ndarray,
    config: ScenarioConfig,
) -> np.ndarray:
    """Dispersion of a week, pooled over series of similar pace, float64 (n,)."""
    year = slice(-config.dispersion_weeks, None)
    sold, seen, shape = units[:, year], known[:, year], factors[:, year]
    mean = divide((sold * seen).sum(axis=1), (seen * shape).sum(axis=1))[:, None] * shape * seen
    squares = np.where(seen, (sold - mean) ** 2 - mean, 0.0).sum(axis=1)
    count = min(config.pace_groups, len(level))
    ranks = np.argsort(np.argsort(level, kind="stable"), kind="stable")
    phi = pooled_dispersion(
        squares,
        np.minimum(mean, 1.0).sum(axis=1),
        (mean**2).sum(axis=1),
        ranks * count // max(len(level), 1),
        prior=config.dispersion_prior_units,
        least=config.least_dispersion,
    )
    return np.maximum(phi * config.dispersion_share, config.least_dispersion)
