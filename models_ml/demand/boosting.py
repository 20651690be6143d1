"""One gradient-boosted model over all series: how far demand departs from each series' own level.

LightGBM with a Tweedie loss is given the logarithm of a seasonal level as its starting score, so it
learns a factor. Every feature is a ratio to that level or does not depend on scale, which lets a
series of one unit a month and one of a thousand a day share one model. Each row is one series, one
origin and one horizon ("direct" forecasting): features see nothing after the origin except the
covariates, which are known in advance.
"""

from dataclasses import dataclass
from functools import lru_cache

import lightgbm as lgb
import numpy as np

from models_ml.demand.config import DemandConfig
from models_ml.demand.season import divide, seasonal_factors
from models_ml.demand.series import YEAR_PERIODS, Calendar, SeriesMatrix

LEAST_LEVEL = 0.01
"""Units a period below which a level counts as this many: the logarithm of zero is of no use."""
RATIO_RANGE = (1e-2, 1e2)
LEAST_LIVED = 13
"""Periods of history before the first training origin of a long season."""
LEAST_DRAWN = 200
"""Series drawn at an origin at least: seasons and look-alikes are learnt from all of them."""
LEAST_YEARS = 1.25
"""Years of history from which the time of the year may tell anything."""


@dataclass(frozen=True)
class BoostedDemand:
    """A fitted model; `forecast` may be asked at any later origin."""

    booster: lgb.Booster
    config: DemandConfig

    def forecast(self, past: SeriesMatrix, horizon: int) -> np.ndarray:
        """Expected units of the next `horizon` periods, float64 (n, horizon)."""
        state, level = state_features(past, config=self.config)
        columns = past.periods + np.arange(horizon)
        base = base_forecast(past, level, columns, config=self.config)
        expected = np.empty((len(past.ids), horizon))
        for ahead in range(horizon):
            one = slice(ahead, ahead + 1)
            rows = target_features(past, base[:, one], columns[one], ahead + 1, state)
            raw = self.booster.predict(rows, raw_score=True)
            expected[:, ahead] = np.exp(np.clip(raw, -5, 5)) * base[:, ahead]
        return expected

    def importance(self) -> dict[str, float]:
        """Share of the loss each feature saved."""
        gain = self.booster.feature_importance("gain")
        total = float(gain.sum()) or 1.0
        names = self.booster.feature_name()
        return {name: float(value) / total for name, value in zip(names, gain, strict=True)}


def fit_boosted(
    history: SeriesMatrix, horizon: int, *, config: DemandConfig
) -> BoostedDemand | None:
    """Fit on origins inside a history; None when the history is too short or nothing was sold.

    Training origins end `horizon` periods before the last column. Where all coming periods of all
    series would be more rows than `boosting_rows`, periods are drawn at random with the configured
    seed, and then series: what is known of a series at an origin is what costs time.
    """
    origins = _training_origins(history, horizon, config)
    if len(origins) < 2 or not history.units.any():
        return None
    rng = np.random.default_rng(config.seed)
    count, drawn = _drawn(len(history.ids), len(origins), horizon, config)
    parts = []
    for origin in origins:
        steps = np.sort(rng.choice(horizon, size=count, replace=False))
        learnt = history
        if drawn < len(history.ids):
            learnt = history.rows(np.sort(rng.permutation(len(history.ids))[:drawn]))
        parts.append(_examples(learnt, origin, steps, config))
    rows = np.concatenate([part[0] for part in parts])
    units, base, weight = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    if len(units) < config.boosting_least_rows or not units.any():
        return None
    data = lgb.Dataset(
        rows,
        units,
        weight=weight,
        init_score=np.log(base),
        feature_name=feature_names(history),
        free_raw_data=True,
    )
    booster = lgb.train(_parameters(config, len(units)), data, config.boosting_rounds)
    return BoostedDemand(booster, config)


def _parameters(config: DemandConfig, rows: int) -> dict[str, object]:
    return {
        "objective": "tweedie",
        "tweedie_variance_power": config.tweedie_power,
        "learning_rate": config.boosting_rate,
        "num_leaves": config.boosting_leaves,
        "min_data_in_leaf": max(config.boosting_least_leaf, rows // 2_000),
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "boost_from_average": False,
        "max_bin": 127,
        "num_threads": config.threads,
        "deterministic": True,
        "force_row_wise": True,
        "seed": config.seed,
        "verbosity": -1,
    }


def _training_origins(history: SeriesMatrix, horizon: int, config: DemandConfig) -> list[int]:
    """Columns after which to learn, oldest first."""
    newest = history.periods - horizon
    oldest = max(
        min(history.calendar.season // 2, LEAST_LIVED), 4, newest - config.boosting_window(history)
    )
    step = max(horizon // config.boosting_origins_a_horizon, 1)
    return list(range(newest, oldest - 1, -step))[: config.boosting_origins][::-1]


def _drawn(series: int, origins: int, horizon: int, config: DemandConfig) -> tuple[int, int]:
    """Coming periods and series to learn from at each origin."""
    rows = config.boosting_rows // origins
    steps = max(rows // max(series, 1), min(config.boosting_steps, horizon))
    return min(steps, horizon), min(series, max(rows // steps, LEAST_DRAWN))


def _examples(
    history: SeriesMatrix, origin: int, steps: np.ndarray, config: DemandConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, units, base forecasts and weights of one origin and some horizons."""
    past = history.upto(origin)
    began = past.known.any(axis=1)
    state, level = state_features(past, config=config)
    columns = origin + steps
    base = base_forecast(past, level, columns, config=config)
    spread = np.sqrt(divide((past.units**2 * past.known).sum(axis=1), past.known.sum(axis=1)))
    parts = []
    for place, column in enumerate(columns):
        usable = began & history.known[:, column]
        rows = target_features(
            past,
            base[:, place : place + 1],
            columns[place : place + 1],
            int(steps[place]) + 1,
            state,
        )
        capped = np.minimum(
            history.units[:, column], config.spike_ratio * np.maximum(base[:, place], spread)
        )
        weight = np.maximum(level, LEAST_LEVEL) ** (config.tweedie_power - 2.0)
        parts.append((rows[usable], capped[usable], base[usable, place], weight[usable]))
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
        np.concatenate([part[3] for part in parts]),
    )


def base_forecast(
    past: SeriesMatrix, level: np.ndarray, columns: np.ndarray, *, config: DemandConfig
) -> np.ndarray:
    """Level times seasonal factor, at least LEAST_LEVEL: what the model multiplies, (n, m)."""
    factors = seasonal_factors(past, columns, config=config)
    result: np.ndarray = np.maximum(level[:, None] * np.maximum(factors, 0.02), LEAST_LEVEL)
    return result


STATE_NAMES = (
    "level", "fast_ratio", "slow_ratio", "all_ratio", "last_ratio", "season_ratio",
    "zero_share", "since_sale", "age", "variation", "sold_out_share",
)  # fmt: skip
TARGET_NAMES = ("horizon", "factor", "phase", "year_sine", "year_cosine", "year_ago_ratio")


def feature_names(history: SeriesMatrix) -> list[str]:
    """Names of the columns of `target_features`."""
    covariates = [
        part
        for number in range(len(history.covariates))
        for part in (f"covariate_{number}", f"covariate_{number}_change")
    ]
    return [*STATE_NAMES, *TARGET_NAMES, *covariates]


def state_features(past: SeriesMatrix, *, config: DemandConfig) -> tuple[np.ndarray, np.ndarray]:
    """What is known of every series at the origin, float32 (n, 11), and its level (n,)."""
    fast, middle, slow = (
        deseasonalised_level(past, half_life, config=config)
        for half_life in config.level_half_lives
    )
    level = shrunken_level(past, middle, slow, config=config)
    safe = np.maximum(level, LEAST_LEVEL)
    season = past.calendar.season
    recent = slice(max(past.periods - 4 * min(season, 13), 0), past.periods)
    known = past.known[:, recent]
    units = past.units[:, recent] * known
    count = known.sum(axis=1)
    mean = divide(units.sum(axis=1), count)
    spread = np.sqrt(np.maximum(divide((units**2).sum(axis=1), count) - mean**2, 0.0))
    sales = (past.units > 0) & past.known
    since = np.where(sales.any(axis=1), np.argmax(sales[:, ::-1], axis=1), past.periods)
    last_season = slice(max(past.periods - min(season, 13), 0), past.periods)
    seen = past.known[:, last_season]
    season_mean = divide((past.units[:, last_season] * seen).sum(axis=1), seen.sum(axis=1))
    columns = [
        np.log(safe),
        _log_ratio(fast, safe),
        _log_ratio(slow, safe),
        _log_ratio(divide((past.units * past.known).sum(axis=1), past.known.sum(axis=1)), safe),
        _log_ratio(past.units[:, -1], safe),
        _log_ratio(season_mean, safe),
        divide((known & (units == 0)).sum(axis=1), count),
        np.log1p(since),
        np.log1p(past.known.sum(axis=1)),
        divide(spread, np.maximum(mean, LEAST_LEVEL)),
        past.sold_out[:, recent].mean(axis=1),
    ]
    return np.column_stack(columns).astype(np.float32), level


def target_features(
    past: SeriesMatrix,
    base: np.ndarray,
    column: np.ndarray,
    horizon: int,
    state: np.ndarray,
) -> np.ndarray:
    """State and what is known of one coming period, float32 (n, features)."""
    count = len(past.ids)
    level = np.maximum(np.exp(state[:, 0]), LEAST_LEVEL)
    year, phase = _calendar_place(past.calendar, past.first + int(column[0]))
    angle = 2 * np.pi * year * (past.periods >= LEAST_YEARS * YEAR_PERIODS[past.calendar.freq])
    parts = [
        state,
        np.column_stack(
            [
                np.full(count, horizon),
                np.log(base[:, 0] / level),
                np.full(count, phase),
                np.full(count, np.sin(angle)),
                np.full(count, np.cos(angle)),
                _year_ago_ratio(past, int(column[0])),
            ]
        ).astype(np.float32),
        *(
            covariate_features(values, int(column[0]), past.periods)
            for values in past.covariates.values()
        ),
    ]
    return np.hstack(parts)


@lru_cache(maxsize=4096)
def _calendar_place(calendar: Calendar, number: int) -> tuple[float, int]:
    """Place of a period in its year and in its season."""
    numbers = np.array([number])
    return float(calendar.year_phase(numbers)[0]), int(calendar.season_phase(numbers)[0])


def covariate_features(values: np.ndarray, column: int, origin: int) -> np.ndarray:
    """A covariate in a coming period and its relative change to the past, float32 (n, 2).

    Where the coming value was not given, the last one before the origin stands for it.
    """
    past = values[:, max(origin - 52, 0) : origin]
    seen = np.isfinite(past)
    mean = divide(np.where(seen, past, 0.0).sum(axis=1), seen.sum(axis=1))
    coming = values[:, column] if column < values.shape[1] else np.full(len(values), np.nan)
    if past.shape[1]:
        newest = past.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
        carried = np.where(seen.any(axis=1), past[np.arange(len(past)), newest], np.nan)
        coming = np.where(np.isfinite(coming), coming, carried)
    change = np.where(mean != 0, coming / np.where(mean == 0, 1.0, mean) - 1.0, coming - mean)
    return np.column_stack([coming, np.clip(change, -10, 10)]).astype(np.float32)


def _year_ago_ratio(past: SeriesMatrix, column: int) -> np.ndarray:
    """Demand about this time last year over that year's mean, as a logarithm; 0 if unknown."""
    season = past.calendar.season
    year = {"D": 364, "W": 52, "B": 260, "M": 12, "Q": 4}.get(past.calendar.freq, 0)
    if not year or column - year < season or season >= past.periods:
        return np.zeros(len(past.ids))
    reach = {"D": 10, "W": 1, "B": 7}.get(past.calendar.freq, 0)
    centre = column - year
    near = slice(max(centre - reach, 0), min(centre + reach + 1, past.periods))
    around = slice(max(centre - year // 2, 0), min(centre + year // 2, past.periods))
    if near.start >= near.stop:
        return np.zeros(len(past.ids))
    here = (past.units[:, near] * past.known[:, near]).sum(axis=1)
    there = (past.units[:, around] * past.known[:, around]).sum(axis=1)
    seen, lived = past.known[:, near].sum(axis=1), past.known[:, around].sum(axis=1)
    usual = divide(there, lived)
    ratio = (here + usual * 2 + LEAST_LEVEL) / ((seen + 2) * usual + LEAST_LEVEL)
    return np.where(seen > 0, np.log(ratio), 0.0)


def deseasonalised_level(
    past: SeriesMatrix, half_life: float, *, config: DemandConfig
) -> np.ndarray:
    """Discounted units over discounted seasonal exposure, float64 (n,)."""
    reach = min(past.periods, int(np.ceil(12 * half_life)))
    columns = np.arange(past.periods - reach, past.periods)
    weights = np.exp2(-(past.periods - 1 - columns) / half_life)
    factors = seasonal_factors(past, columns, config=config)
    known = past.known[:, -reach:]
    level: np.ndarray = divide(
        (past.units[:, -reach:] * known) @ weights, (known * factors) @ weights
    )
    return level


def shrunken_level(
    past: SeriesMatrix, middle: np.ndarray, slow: np.ndarray, *, config: DemandConfig
) -> np.ndarray:
    """Half the middle, half the slow level; a young series leans on the young of its like.

    The prior is the mean pace of the first periods of series with the same static covariates (of
    all series where there are none), weighing `cold_prior_periods` periods.
    """
    own = 0.5 * middle + 0.5 * slow
    lived = past.known.sum(axis=1)
    young = lived < config.cold_periods
    if not young.any() or young.all():
        return own
    prior = early_pace(past, config=config)
    weight = lived / (lived + config.cold_prior_periods)
    return np.where(young, weight * own + (1 - weight) * prior, own)


def early_pace(past: SeriesMatrix, *, config: DemandConfig) -> np.ndarray:
    """Units a period in the first periods of each series' look-alikes, float64 (n,)."""
    age = past.known.cumsum(axis=1)
    early = past.known & (age <= config.cold_periods)
    pace = divide((past.units * early).sum(axis=1), early.sum(axis=1))
    old = past.known.sum(axis=1) >= config.cold_periods
    groups = look_alikes(past)
    total = np.bincount(groups, pace * old)
    count = np.bincount(groups, old.astype(float))
    overall = pace[old].mean() if old.any() else 0.0
    trust = count / (count + 3.0)
    group_pace = trust * divide(total, count) + (1 - trust) * overall
    result: np.ndarray = group_pace[groups]
    return result


def look_alikes(past: SeriesMatrix) -> np.ndarray:
    """Group of every series by its static covariates, int64 (n,); one group without any."""
    keys = []
    for values in past.covariates.values():
        with np.errstate(invalid="ignore"):
            low, high = (
                np.nanmin(values, axis=1, initial=np.inf),
                np.nanmax(values, axis=1, initial=-np.inf),
            )
        if np.all((low == high) | ~np.isfinite(low)):
            keys.append(low)
    if not keys:
        return np.zeros(len(past.ids), dtype=np.int64)
    return np.unique(np.column_stack(keys), axis=0, return_inverse=True)[1].ravel()


def _log_ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.log(np.clip(top / bottom, *RATIO_RANGE))
    return found
