"""How likely it is that a series is changed today, given all days up to today.

A hidden Markov chain per series: normal, or changed by one of several sizes; a change begins with
a small probability a day and lasts some days on average. The forward filter (Rabiner 1989,
section III.A) is Bayes' answer; an EWMA or a CUSUM of one speed and one size is an approximation
of it. Likelihoods are quasi-binomial: the binomial one divided by the variance inflation.
"""

import numpy as np

from models_ml.alerts.config import AlertSettings

_LEAST_LOG, _MOST_LOG = -30.0, 12.0
"""Of one day's log likelihood ratio: no single day, however odd, decides for ever."""
_FLOOR = 1e-12


class ChangeFilter:
    """The forward filter of S series: `see` one day after the other."""

    def __init__(self, series: int, settings: AlertSettings) -> None:
        sizes = np.array(settings.sizes)
        self._factors = np.concatenate([1 - sizes, 1 / (1 - sizes)])
        self._is_drop = self._factors < 1
        self._begin = 1 / settings.days_between_changes
        self._end = 1 / settings.change_days
        self._normal = np.ones(series)
        self._changed = np.zeros((series, len(self._factors)))

    @property
    def normal(self) -> np.ndarray:
        """Probability of each series of being normal (S,)."""
        return self._normal

    def see(
        self,
        done: np.ndarray,
        trials: np.ndarray,
        probability: np.ndarray,
        inflation: np.ndarray,
        *,
        active: np.ndarray,
    ) -> None:
        """Take one day in; series that are not `active` (S,) stay as they are."""
        normal = probability[:, None]
        other = np.minimum(normal * self._factors, (1 + normal) / 2)
        ratio = done[:, None] * np.log(other / normal)
        ratio += (trials - done)[:, None] * np.log((1 - other) / (1 - normal))
        likelihood = np.exp(np.clip(ratio / inflation[:, None], _LEAST_LOG, _MOST_LOG))
        ended = self._changed.sum(axis=1) * self._end
        stays = self._normal * (1 - self._begin) + ended
        begun = self._normal[:, None] * (self._begin / len(self._factors))
        changed = (self._changed * (1 - self._end) + begun) * likelihood
        total = stays + changed.sum(axis=1)
        self._normal = np.where(active, stays / total, self._normal)
        self._changed = np.where(active[:, None], changed / total[:, None], self._changed)

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Log odds of a drop and of a rise against the normal state, each (S,)."""
        normal = np.maximum(self._normal, _FLOOR)
        drop, rise = (
            np.log(np.maximum(self._changed[:, kind].sum(axis=1), _FLOOR) / normal)
            for kind in (self._is_drop, ~self._is_drop)
        )
        return drop, rise

    def size(self) -> np.ndarray:
        """Expected relative change of each series if it is changed (S,)."""
        weight = np.maximum(self._changed.sum(axis=1), _FLOOR)
        size: np.ndarray = (self._changed @ (self._factors - 1)) / weight
        return size
