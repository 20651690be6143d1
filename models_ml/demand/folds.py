"""One origin of the back-test: what every method said and what came, and which method was best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.intervals import series_scale
from models_ml.demand.methods import SEASONAL_NAIVE, available_methods
from models_ml.demand.panel import DemandPanel, History
from models_ml.splits import RollingOrigin

CHOSEN = "chosen"


def velocity_classes(history: History, *, config: DemandConfig) -> np.ndarray:
    """Place in `VELOCITY_CLASSES` of every series by its recent mean units a day, int64 (n,)."""
    recent = history.quantity[:, -config.recent_days :]
    lived = np.clip(history.days - history.started, 1, recent.shape[1])
    pace = recent.sum(axis=1) / lived
    return np.where(pace >= config.fast_from, 0, np.where(pace >= config.medium_from, 1, 2))


def active_series(history: History, *, config: DemandConfig) -> np.ndarray:
    """Which series sold anything in the last `active_days` days, boolean (n,)."""
    return np.asarray((history.quantity[:, -config.active_days :] > 0).any(axis=1))


@dataclass(frozen=True)
class FoldErrors:
    """One origin: what came and what each method had said, for the series active then."""

    origin: RollingOrigin
    classes: np.ndarray
    """int64 (n,), velocity class at the origin."""
    scale: np.ndarray
    """float64 (n,), recent spread of a day, see `series_scale`."""
    naive_scale: np.ndarray
    """float64 (n,), root mean square of weekly differences before the origin (RMSSE's divisor)."""
    actual: np.ndarray
    """float32 (n, horizon)."""
    predicted: dict[str, np.ndarray]
    """Method -> float32 (n, horizon)."""

    def composed(self, choice: dict[int, str]) -> np.ndarray:
        """The forecast of the chosen methods, float32 (n, horizon)."""
        result = np.empty_like(self.actual)
        for place, method in choice.items():
            rows = self.classes == place
            result[rows] = self.predicted[method][rows]
        return result

    def scaled_root_errors(self, method: str) -> np.ndarray:
        """RMSSE of every series with a seasonal divisor (M5 competitors' guide), float64 (n,).

        NaN for a series without any weekly difference before the origin.
        """
        squares = np.square(self.actual - self.predicted[method], dtype=np.float64).mean(axis=1)
        result = np.full(len(squares), np.nan)
        np.divide(np.sqrt(squares), self.naive_scale, out=result, where=self.naive_scale > 0)
        return result

    def with_chosen(self, choice: dict[int, str]) -> "FoldErrors":
        """The same fold with the chosen methods as one more method, `chosen`."""
        return replace(self, predicted={**self.predicted, CHOSEN: self.composed(choice)})

    def sums(self, method: str, place: int) -> dict[str, object]:
        """Additive errors of a method in a velocity class; see `DemandBacktest.by_class`."""
        rows = self.classes == place
        error = self.predicted[method][rows].astype(np.float64) - self.actual[rows]
        scaled = self.scaled_root_errors(method)[rows]
        return {
            "method": method,
            "fold": self.origin.fold,
            "origin_date": self.origin.origin,
            "horizon_days": self.origin.horizon_days,
            "series_count": int(rows.sum()),
            "actual_quantity": float(self.actual[rows].sum(dtype=np.float64)),
            "absolute_error": float(np.abs(error).sum()),
            "bias_quantity": float(error.sum()),
            "velocity_class": VELOCITY_CLASSES[place],
            "scaled_error": float(np.nansum(scaled)),
            "scaled_count": int((~np.isnan(scaled)).sum()),
        }


def choose_methods(folds: Sequence[FoldErrors], *, config: DemandConfig) -> dict[int, str]:
    """Lowest mean RMSSE of every velocity class; see `DemandBacktest.choice`."""
    choice = dict.fromkeys(range(len(VELOCITY_CLASSES)), config.default_method)
    if not folds:
        return choice
    names = list(folds[0].predicted)
    errors = {name: np.concatenate([f.scaled_root_errors(name) for f in folds]) for name in names}
    classes = np.concatenate([fold.classes for fold in folds])
    for place in choice:
        usable = (classes == place) & ~np.isnan(errors[SEASONAL_NAIVE])
        if usable.any():
            means = {name: float(errors[name][usable].mean()) for name in names}
            best = min(names, key=means.__getitem__)
            needed = means[SEASONAL_NAIVE] * (1 - config.choice_margin)
            choice[place] = best if means[best] < needed else SEASONAL_NAIVE
    return choice


def judge_origin(panel: DemandPanel, origin: RollingOrigin, *, config: DemandConfig) -> FoldErrors:
    """Forecast from an origin with every method, for the series active then."""
    past = panel.upto(origin.origin)
    active = active_series(past, config=config)
    past = past.rows(active)
    weekly = past.quantity[:, 7:] - past.quantity[:, :-7]
    return FoldErrors(
        origin,
        velocity_classes(past, config=config),
        series_scale(past, config=config),
        np.sqrt(np.square(weekly).mean(axis=1)) if weekly.shape[1] else np.zeros(len(weekly)),
        panel.after(origin.origin, origin.horizon_days)[active].astype(np.float32),
        {
            method.name: method.forecast(past, origin.horizon_days).astype(np.float32)
            for method in available_methods(config)
        },
    )
