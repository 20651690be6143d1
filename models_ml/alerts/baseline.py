"""What a series normally converts: level, weekday, day type, over-dispersion, the common day.

Counts are modelled, not rates: successes of `n` trials at probability `p` vary by
`n p (1 - p) (1 + (n - 1) rho)` (beta-binomial; Williams 1982, method II of moments). Everything is
learnt from earlier days only, by exponentially weighted sums in which a day counts the less the
likelier it is that it was changed, and no day more than `outlier` standard deviations.
"""

import numpy as np

from models_ml.alerts.config import AlertSettings
from models_ml.alerts.panel import Panel

_SMALLEST, _LARGEST = 1e-6, 0.9995
_FIRST_RHO = 0.005
_LARGEST_RHO = 0.5
_LEARNING_DAYS = 14
"""Before, the level itself is still moving and its errors would be taken for over-dispersion."""
_DISPERSION_DECAY = 0.997
_COMMON_DECAY = 0.995
_COMMON_CAP = 2.5


class _Effects:
    """Multiplicative effects of a kind of day, of each series shrunk towards that of all."""

    def __init__(self, series: int, kinds: int, settings: AlertSettings) -> None:
        self._decay = 0.5 ** (1 / settings.cycle_half_life)
        self._prior = settings.cycle_prior
        self._own = np.zeros((series, kinds, 2))
        self._pooled = np.zeros((kinds, 2))
        self._rows = np.arange(series)

    def of(self, kind: np.ndarray) -> np.ndarray:
        """The factor of each series (S,) on its kind of day (S,)."""
        pooled = (self._pooled[:, 0] + self._prior) / (self._pooled[:, 1] + self._prior)
        own = self._own[self._rows, kind]
        factor: np.ndarray = (own[:, 0] + self._prior * pooled[kind]) / (own[:, 1] + self._prior)
        return factor

    def learn(
        self, kind: np.ndarray, found: np.ndarray, expected: np.ndarray, weight: np.ndarray
    ) -> None:
        """Add a day's successes and what they would have been without the effect (S,)."""
        seen = np.unique(kind[weight > 0])
        self._pooled[seen] *= self._decay
        self._own[self._rows, kind] *= np.where(weight > 0, self._decay, 1.0)[:, None]
        counted = np.stack([found * weight, expected * weight], axis=1)
        self._own[self._rows, kind] += counted
        np.add.at(self._pooled, kind, counted)


class Baseline:
    """The normal state of S series, moved on day by day: `expect`, then `learn`."""

    def __init__(self, panel: Panel, settings: AlertSettings) -> None:
        series = len(panel.trials)
        self._panel, self._settings = panel, settings
        self._decay = 0.5 ** (1 / settings.level_half_life)
        self._level = np.zeros((series, 2))
        self._pooled_level = np.zeros(2)
        self._effects = (
            _Effects(series, int(panel.cycle.max(initial=0)) + 1, settings),
            _Effects(series, int(panel.day_type.max(initial=0)) + 1, settings),
        )
        self._dispersion = np.zeros((series, 2))
        self._common = np.array([0.0, 0.0])
        self._days = 0
        self.seen = np.zeros(series, dtype=np.int64)

    def rates(self) -> np.ndarray:
        """The level of each series without any effect (S,)."""
        prior, (done, tried) = self._settings.level_prior, self._pooled_level
        pooled = (done + 0.5) / (tried + 1.0)
        level: np.ndarray = (self._level[:, 0] + prior * pooled) / (self._level[:, 1] + prior)
        clipped: np.ndarray = np.clip(level, _SMALLEST, _LARGEST)
        return clipped

    def factors(self, cycle: int, day_type: np.ndarray) -> np.ndarray:
        """Weekday times day-type effect of each series (S,)."""
        weekday, kind = self._effects
        # 0 is the ordinary day: the level already is its rate.
        special = np.where(day_type > 0, kind.of(day_type), 1.0)
        effect: np.ndarray = weekday.of(np.full(len(self._level), cycle)) * special
        return effect

    def rho(self) -> np.ndarray:
        """Over-dispersion of each series (S,), shrunk halfway towards that of all."""
        if self._days <= _LEARNING_DAYS:
            return np.full(len(self._dispersion), _FIRST_RHO)
        found, scale = self._dispersion[:, 0], self._dispersion[:, 1]
        pooled = max(found.sum() / max(scale.sum(), 1.0), _SMALLEST)
        prior = 0.5 * scale.mean() + _SMALLEST
        rho: np.ndarray = (found + pooled * prior) / (scale + prior)
        return rho.clip(_SMALLEST, _LARGEST_RHO)

    def common_variance(self) -> float:
        """Variance of the logarithm of the effect that a day has on all series."""
        return max(float(self._common[0] / max(self._common[1], 1.0)), 0.0)

    def expect(self, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Probability and variance inflation (1 = binomial) of each series' day, each (S,)."""
        trials, done = self._panel.trials[:, day], self._panel.successes[:, day]
        rate, kinds = self.rates(), self._panel.day_type[:, day]
        self._factor = self.factors(int(self._panel.cycle[day]), kinds)
        probability = np.clip(rate * self._factor, _SMALLEST, _LARGEST)
        self._unsure = trials / (self._level[:, 1] + self._settings.level_prior)
        inflation = 1 + np.maximum(trials - 1, 0) * self.rho() + self._unsure
        common = self._common_effect(done, trials, probability, inflation)
        self._factor = self._factor * common
        return np.clip(probability * common, _SMALLEST, _LARGEST), inflation

    def learn(
        self, day: int, probability: np.ndarray, inflation: np.ndarray, normal: np.ndarray
    ) -> np.ndarray:
        """Take a day in, each series by how normal it looks (S,); returns standard residuals."""
        trials, done = self._panel.trials[:, day], self._panel.successes[:, day]
        kinds, settings = self._panel.day_type[:, day], self._settings
        open_day = trials > 0
        expected = trials * probability
        deviation = np.sqrt(np.maximum(expected * (1 - probability) * inflation, _SMALLEST))
        residual: np.ndarray = (done - expected) / deviation
        capped = np.clip(residual, -settings.outlier, settings.outlier)
        found = expected + capped * deviation
        weight = np.where(open_day, np.maximum(normal, settings.least_weight), 0.0)
        self._learn_effects(day, kinds, found, trials, weight)
        counted = np.stack([found, trials * self._factor], axis=1) * weight[:, None]
        self._level = self._level * np.where(open_day, self._decay, 1.0)[:, None] + counted
        self._pooled_level = self._pooled_level * self._decay + counted.sum(axis=0)
        self._learn_dispersion(capped, inflation, trials, weight)
        self._days += 1
        self.seen += open_day
        return residual

    def _learn_effects(
        self, day: int, kinds: np.ndarray, found: np.ndarray, trials: np.ndarray, weight: np.ndarray
    ) -> None:
        rate, (weekday, kind) = self.rates(), self._effects
        cycle = np.full(len(rate), self._panel.cycle[day])
        ordinary = self._factor / weekday.of(cycle)
        without = self._factor / np.where(kinds > 0, kind.of(kinds), 1.0)
        weekday.learn(cycle, found, trials * rate * ordinary, weight)
        kind.learn(kinds, found, trials * rate * without, np.where(kinds > 0, weight, 0.0))

    def _learn_dispersion(
        self, capped: np.ndarray, inflation: np.ndarray, trials: np.ndarray, weight: np.ndarray
    ) -> None:
        if self._days < _LEARNING_DAYS:
            return
        excess = capped**2 * inflation - 1 - self._unsure
        more = np.maximum(trials - 1, 0)
        per_trial = np.where(trials > 0, more / np.maximum(trials, 1), 0.0) * weight
        self._dispersion *= _DISPERSION_DECAY
        self._dispersion += np.stack([excess * per_trial, more * per_trial], axis=1)

    def _common_effect(
        self, done: np.ndarray, trials: np.ndarray, probability: np.ndarray, inflation: np.ndarray
    ) -> float:
        """The day's effect on all series, shrunk by how large such effects have been."""
        if np.count_nonzero(trials) < self._settings.least_series:
            return 1.0
        expected = trials * probability
        deviation = np.sqrt(np.maximum(expected * (1 - probability) * inflation, _SMALLEST))
        capped = np.clip((done - expected) / deviation, -_COMMON_CAP, _COMMON_CAP)
        slope = expected / deviation
        noise = 1 / max(float((slope * slope).sum()), _SMALLEST)
        seen = float((slope * capped).sum()) * noise
        if self._days <= _LEARNING_DAYS:
            return 1.0
        variance = self.common_variance()
        believed = seen * variance / (variance + noise) if variance else 0.0
        limit = self._settings.largest_common_effect * np.sqrt(variance)
        most = self._settings.largest_common_effect * np.sqrt(variance + noise) + np.sqrt(noise)
        excess = float(np.clip(seen, -most, most)) ** 2 - noise
        self._common = self._common * _COMMON_DECAY + [excess, 1.0]
        return float(np.exp(np.clip(believed, -limit, limit)))
