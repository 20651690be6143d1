"""Everything at one origin: judge the methods on earlier windows, mix them, calibrate, forecast."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models_ml.demand.boosting import BoostedDemand, early_pace, fit_boosted
from models_ml.demand.combination import (
    BOOSTED,
    Judged,
    Weights,
    choose_weights,
    combine,
    error_scale,
    velocity_classes,
)
from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.local import available_methods
from models_ml.demand.quantiles import (
    Calibration,
    fit_calibration,
    identity_calibration,
    model_quantile,
    pooled_dispersion,
    transforms,
)
from models_ml.demand.season import seasonal_factors
from models_ml.demand.series import SeriesMatrix
from models_ml.splits import period_origins


@dataclass(frozen=True)
class Distribution:
    """Calibrated predictive distributions of n series x h periods (or cumulative periods)."""

    expected: np.ndarray
    """float64 (n, h)."""
    dispersion: np.ndarray
    """float64 (n, h): phi of the variance m + phi m^2."""
    classes: np.ndarray
    """int64 (n,)."""
    calibration: Calibration
    is_count: bool

    def transform(self, actual: np.ndarray, *, seed: int) -> np.ndarray:
        """Calibrated, randomised probability integral transform of outcomes, float64 (n, h)."""
        raw = transforms(actual, self.expected, self.dispersion, is_count=self.is_count, seed=seed)
        return self.calibration.calibrated(raw, self.classes)

    def quantile(self, level: float) -> np.ndarray:
        """Units not exceeded with this probability, float64 (n, h)."""
        asked = self.calibration.model_level(level, self.classes)[:, None]
        return model_quantile(
            np.broadcast_to(asked, self.expected.shape),
            self.expected,
            self.dispersion,
            is_count=self.is_count,
        )


@dataclass(frozen=True)
class DemandForecast:
    """The forecast from one origin and what it was made from."""

    past: SeriesMatrix
    classes: np.ndarray
    """int64 (n,), places in VELOCITY_CLASSES."""
    said: dict[str, np.ndarray]
    """Every method's own forecast, float64 (n, h)."""
    weights: Weights
    single: Distribution
    """Of single periods."""
    cumulative: Distribution
    """Of the sum of the first 1 ... h periods: never derived from quantiles of single periods."""
    boosted: BoostedDemand | None
    judged: tuple[Judged, ...]
    """Earlier windows that the weights and calibrations rest on; none on a short history."""

    @property
    def expected(self) -> np.ndarray:
        """Expected units, float64 (n, h)."""
        return self.single.expected

    def method_names(self) -> np.ndarray:
        """What each series' forecast is made of, e.g. `boosted 0.61 + ses_28 0.39`, object (n,)."""
        names = [
            " + ".join(
                name if weight > 0.995 else f"{name} {weight:.2f}"
                for name, weight in sorted(self.weights[place].items(), key=lambda item: -item[1])
            )
            for place in range(len(VELOCITY_CLASSES))
        ]
        found: np.ndarray = np.array(names, dtype=object)[self.classes]
        return found


def forecast_from(
    history: SeriesMatrix, horizon: int, *, config: DemandConfig, every_method: bool = True
) -> DemandForecast:
    """Forecast all series of a history from its last column.

    Up to `validation_windows` windows of `horizon` periods just before the origin judge the
    methods; the boosted model that is judged there was fitted before the oldest of them, the one
    that forecasts is fitted again on everything. Without `every_method` only the methods of the mix
    are asked for the coming periods.
    """
    past = _recent(history, config)
    judged = _judge(past, horizon, config)
    classes = velocity_classes(past, config=config)
    weights = choose_weights(judged, config=config) if judged else _default_weights(config)
    is_mixed = any(BOOSTED in mix for mix in weights.values())
    boosted = fit_boosted(past, horizon, config=config) if is_mixed else None
    if is_mixed and boosted is None:
        weights = _without(weights, BOOSTED, config)
    names = None if every_method else {name for mix in weights.values() for name in mix}
    said = _say(past, horizon, boosted, config, names)
    shared: dict[str, Any] = {
        "expected": _warm(past, combine(said, classes, weights), config),
        "classes": classes,
        "judged": judged,
        "weights": weights,
        "config": config,
    }
    return DemandForecast(
        past,
        classes,
        said,
        weights,
        _distribution(past, summed=False, **shared),
        _distribution(past, summed=True, **shared),
        boosted,
        tuple(judged),
    )


def _recent(history: SeriesMatrix, config: DemandConfig) -> SeriesMatrix:
    """The last `history_periods` columns."""
    cut = max(history.periods - config.history_periods, 0)
    if not cut:
        return history
    return replace(
        history,
        first=history.first + cut,
        units=history.units[:, cut:],
        known=history.known[:, cut:],
        sold_out=history.sold_out[:, cut:],
        covariates={name: values[:, cut:] for name, values in history.covariates.items()},
    )


def _judge(past: SeriesMatrix, horizon: int, config: DemandConfig) -> list[Judged]:
    """What every method says at earlier origins, oldest first; empty on a short history."""
    origins = period_origins(
        past.periods,
        horizon=horizon,
        folds=config.validation_windows,
        least_train=config.least_train_periods,
    )
    if not origins:
        return []
    boosted = None
    if config.boosting_rounds:
        boosted = fit_boosted(past.upto(origins[0]), horizon, config=config)
    judged = []
    for origin in origins:
        before = past.upto(origin)
        began = _judged_series(before, config)
        rows = before.rows(began)
        window = slice(origin, origin + horizon)
        actual = np.where(past.known[began, window], past.units[began, window], np.nan)
        said = _say(rows, horizon, boosted, config)
        judged.append(
            Judged(velocity_classes(rows, config=config), error_scale(rows), actual, said, rows)
        )
    return judged if any(len(one.actual) for one in judged) else []


def _judged_series(past: SeriesMatrix, config: DemandConfig) -> np.ndarray:
    """Places of the series that have begun; of very many, as many of each class at random."""
    began = np.flatnonzero(past.known.any(axis=1))
    if len(began) <= config.judged_series:
        return began
    classes = velocity_classes(past, config=config)[began]
    rng = np.random.default_rng(config.seed)
    most = config.judged_series // len(VELOCITY_CLASSES)
    drawn = [rng.permutation(began[classes == place])[:most] for place in np.unique(classes)]
    return np.sort(np.concatenate(drawn))


def _say(
    past: SeriesMatrix,
    horizon: int,
    boosted: BoostedDemand | None,
    config: DemandConfig,
    names: set[str] | None = None,
) -> dict[str, np.ndarray]:
    """What the named methods say, all of them when None."""
    said = {
        method.name: method.forecast(past, horizon)
        for method in available_methods(config)
        if names is None or method.name in names
    }
    if boosted is not None:
        said[BOOSTED] = boosted.forecast(past, horizon)
    return said


def _default_weights(config: DemandConfig) -> Weights:
    """Without any earlier window: the steadier half of the seasonal levels, equally."""
    steady = sorted(config.half_lives)[len(config.half_lives) // 2 :]
    mix = {f"seasonal_ses_{half_life}": 1.0 / len(steady) for half_life in steady}
    return {place: dict(mix) for place in range(len(VELOCITY_CLASSES))}


def _without(weights: Weights, name: str, config: DemandConfig) -> Weights:
    result: Weights = {}
    for place, mix in weights.items():
        kept = {method: weight for method, weight in mix.items() if method != name}
        total = sum(kept.values())
        result[place] = (
            {method: weight / total for method, weight in kept.items()}
            if total > 0
            else _default_weights(config)[place]
        )
    return result


def _warm(past: SeriesMatrix, expected: np.ndarray, config: DemandConfig) -> np.ndarray:
    """Lean the forecast of young series on the early pace of their look-alikes."""
    lived = past.known.sum(axis=1)
    young = lived < config.cold_periods
    if not young.any() or young.all():
        return expected
    columns = past.periods + np.arange(expected.shape[1])
    prior = early_pace(past, config=config)[:, None] * seasonal_factors(
        past, columns, config=config
    )
    trust = (lived / (lived + config.cold_prior_periods))[:, None]
    return np.where(young[:, None], trust * expected + (1 - trust) * prior, expected)


def _distribution(
    past: SeriesMatrix,
    *,
    expected: np.ndarray,
    classes: np.ndarray,
    judged: list[Judged],
    weights: Weights,
    config: DemandConfig,
    summed: bool,
) -> Distribution:
    """Distribution of single periods, or of the sums of the first periods when `summed`."""
    is_count = bool(np.array_equal(past.units, np.round(past.units)))
    earlier = []
    for one in judged:
        said = _warm(one.past, combine(one.said, one.classes, weights), config)
        actual = one.actual
        earlier.append((said.cumsum(axis=1), actual.cumsum(axis=1)) if summed else (said, actual))
    shown = expected.cumsum(axis=1) if summed else expected
    if not judged:
        dispersion = _history_dispersion(past, classes, config)
        spread = _spread_over(dispersion, shown.shape)
        return Distribution(shown, spread, classes, identity_calibration(), is_count)
    transformed, groups = [], []
    for one, (said, actual) in zip(judged, earlier, strict=True):
        own = _history_dispersion(one.past, one.classes, config)
        spread = _spread_over(own, said.shape)
        values = transforms(
            np.nan_to_num(actual), said, spread, is_count=is_count, seed=config.seed
        )
        transformed.append(np.where(np.isfinite(actual), values, np.nan))
        groups.append(one.classes)
    calibration = fit_calibration(
        np.concatenate(transformed), np.concatenate(groups), config=config
    )
    dispersion = _history_dispersion(past, classes, config)
    return Distribution(
        shown, _spread_over(dispersion, shown.shape), classes, calibration, is_count
    )


def method_distribution(
    forecast: DemandForecast, method: str, config: DemandConfig
) -> Distribution | None:
    """The distribution a single method would give, calibrated on its own earlier errors.

    None when the method was not judged earlier.
    """
    if any(method not in one.said for one in forecast.judged):
        return None
    weights: Weights = {place: {method: 1.0} for place in range(len(VELOCITY_CLASSES))}
    return _distribution(
        forecast.past,
        expected=forecast.said[method],
        classes=forecast.classes,
        judged=list(forecast.judged),
        weights=weights,
        config=config,
        summed=False,
    )


def _spread_over(dispersion: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(dispersion[:, None], shape)


def _history_dispersion(
    past: SeriesMatrix, classes: np.ndarray, config: DemandConfig
) -> np.ndarray:
    """Dispersion of a period around the recent mean, shrunk towards the class's, float64 (n,)."""
    start = max(past.periods - config.dispersion_periods, 0)
    columns = np.arange(start, past.periods)
    known = past.known[:, start:]
    factors = seasonal_factors(past, columns, config=config) * known
    units = past.units[:, start:] * known
    level = np.divide(
        units.sum(axis=1),
        factors.sum(axis=1),
        out=np.zeros(len(units)),
        where=factors.sum(axis=1) > 0,
    )
    mean = level[:, None] * factors
    squares = np.where(known, (units - mean) ** 2 - mean, 0.0).sum(axis=1)
    return pooled_dispersion(
        squares,
        mean.sum(axis=1),
        (mean**2).sum(axis=1),
        classes,
        prior=config.dispersion_prior_units,
        least=config.least_dispersion,
    )
