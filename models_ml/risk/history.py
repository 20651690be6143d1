"""As-of history: what was known of a category strictly before a moment.

Counts come from sorted (category, time) keys, so one question is two binary searches. Rows count
from their decision time, labels from the time they became known: nothing later is ever looked at,
whatever the history holds. Times are cut to milliseconds; events in the same one don't count.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

_MILLISECOND = np.timedelta64(1, "ms")


@dataclass(frozen=True)
class _Events:
    """Events of categories in order; `total[i]` is the sum of the weights of the first i."""

    keys: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, ticks: np.ndarray, bits: int, weights: np.ndarray) -> "_Events":
        keys = (codes.astype(np.int64) << bits) | ticks
        order = np.argsort(keys, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(weights[order])])
        return cls(keys[order], total)

    def before(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count and weight of the events with low <= key < high."""
        first = np.searchsorted(self.keys, low, side="left")
        last = np.searchsorted(self.keys, high, side="left")
        return (last - first).astype(np.float64), self.total[last] - self.total[first]


@dataclass(frozen=True)
class AsOf:
    """What was known of each row's category before the row's moment; float64 (n,) each."""

    rows: np.ndarray
    """Earlier rows of the category."""
    labels: np.ndarray
    """Labels of the category known before."""
    positives: np.ndarray
    """Positive ones among them."""
    hours_since: np.ndarray
    """Hours since the category's last row, NaN without one."""


class CategoryHistory:
    """Rows and matured labels of one column's categories, asked as of any moment."""

    def __init__(
        self,
        categories: np.ndarray,
        *,
        decided_at: np.ndarray,
        known_at: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        """Keep the events in order.

        Args:
            categories: object or integer (n,), None or NaN where missing (no category of its own).
            decided_at: datetime64 (n,).
            known_at: datetime64 (n,), NaT where the label is not known.
            labels: int (n,), looked at only where known_at is a time.
        """
        codes, levels = pd.factorize(categories)
        self._levels = pd.Index(levels)
        known = ~np.isnat(known_at) & (labels >= 0)
        times = np.concatenate([decided_at, known_at[known]]).astype("datetime64[ms]")
        self._start = times.min() if len(times) else np.datetime64(0, "ms")
        span = int((times.max() - self._start) / _MILLISECOND) if len(times) else 0
        self._bits = max(span + 2, 2).bit_length()
        self._span = span
        present = codes >= 0
        self._rows = _Events.of(
            codes[present], self._ticks(decided_at[present]), self._bits, np.ones(present.sum())
        )
        matured = present & known
        self._labels = _Events.of(
            codes[matured],
            self._ticks(known_at[matured]),
            self._bits,
            labels[matured].astype(np.float64),
        )

    def as_of(self, categories: np.ndarray, moments: np.ndarray) -> AsOf:
        """What was known of each category strictly before each moment.

        Args:
            categories: object or integer (n,); unknown and missing ones have no history.
            moments: datetime64 (n,).
        """
        codes = self._levels.get_indexer(pd.Index(categories))
        unknown = codes < 0
        low = np.where(unknown, 0, codes).astype(np.int64) << self._bits
        high = low | self._ticks(moments)
        high = np.where(unknown, low, high)
        rows, _ = self._rows.before(low, high)
        labels, positives = self._labels.before(low, high)
        return AsOf(rows, labels, positives, self._hours_since(high, rows > 0))

    def _hours_since(self, high: np.ndarray, has_rows: np.ndarray) -> np.ndarray:
        result = np.full(len(high), np.nan)
        if not has_rows.any():
            return result
        last = self._rows.keys[np.searchsorted(self._rows.keys, high[has_rows], side="left") - 1]
        result[has_rows] = (high[has_rows] - last) / 3_600_000.0
        return result

    def _ticks(self, times: np.ndarray) -> np.ndarray:
        ticks = (times.astype("datetime64[ms]") - self._start) / _MILLISECOND
        result: np.ndarray = np.clip(ticks, 0, self._span + 1).astype(np.int64)
        return result


def smoothed_log_odds(
    positives: np.ndarray, labels: np.ndarray, base: np.ndarray, *, prior_rows: float
) -> np.ndarray:
    """Log-odds of a category's rate above the base rate's, (n,).

    The rate is (positives + k * base) / (labels + k), the posterior mean of a beta-binomial with
    k imagined rows; a category without history has 0.
    """
    rate = (positives + prior_rows * base) / (labels + prior_rows)
    result: np.ndarray = log_odds(rate) - log_odds(base)
    return result


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Logit of probabilities, kept finite."""
    bounded = np.clip(probability, 1e-6, 1 - 1e-6)
    result: np.ndarray = np.log(bounded / (1 - bounded))
    return result
