"""From columns to the numbers that learners see: one matrix, built as of each decision.

A number stays a number; a time becomes hours from the decision; a category with few levels becomes
a code; every category and key that comes again also gives its own history as of the decision:
earlier rows, hours since the last, and the log-odds of its earlier rate over the base rate's, from
labels known by then. The decision time gives hour, weekday and day of the month.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models_ml.risk.columns import Column, as_numbers, as_text, as_times
from models_ml.risk.config import CountedRate, RiskConfig
from models_ml.risk.examples import Examples
from models_ml.risk.history import CategoryHistory, smoothed_log_odds
from models_ml.splits import Mask

RARE, MISSING = 0, 1
DECISION_TIME = "decided_at"


@dataclass(frozen=True)
class Matrix:
    """What learners see."""

    values: np.ndarray
    """float64 (n, features); NaN where missing."""
    names: tuple[str, ...]
    """(features,), `<column>` or `<column>:<what>`."""
    is_category: np.ndarray
    """Bool (features,): codes, not quantities."""

    def rows(self, mask: Mask) -> "Matrix":
        """Some of the rows."""
        return Matrix(self.values[mask], self.names, self.is_category)


class FeatureBuilder:
    """Builds the matrix of any rows, with levels and history learnt from given examples."""

    def __init__(
        self,
        examples: Examples,
        columns: Mapping[str, Column],
        *,
        fit: Mask,
        config: RiskConfig,
    ) -> None:
        """Learn levels from the rows to fit; history may hold all rows, it is asked as of.

        Args:
            examples: rows with their clocks.
            columns: what may be used.
            fit: rows whose values decide which levels exist.
            config: settings.
        """
        self.columns = dict(columns)
        self._config = config
        self._levels: dict[str, pd.Index] = {}
        self._histories: dict[str, CategoryHistory] = {}
        self._rates = _learn_rates(examples.frame[fit], self.columns, config)
        everything = np.zeros(len(examples.labels), dtype=np.int8)
        self._base = self._history_of(examples, everything)
        for name, column in self.columns.items():
            if column.kind not in ("category", "key"):
                continue
            texts = as_text(examples.frame[name])
            if column.kind == "category":
                self._levels[name] = self._frequent(texts[fit], examples.labels[fit])
            self._histories[name] = self._history_of(examples, texts)

    def _history_of(self, examples: Examples, categories: np.ndarray) -> CategoryHistory:
        return CategoryHistory(
            categories,
            decided_at=examples.decided_at,
            known_at=examples.known_at,
            labels=examples.labels,
        )

    def _frequent(self, texts: np.ndarray, labels: np.ndarray) -> pd.Index:
        """Levels with enough rows to fit, in order of their rate (Breiman et al. 1984, 4.2.2)."""
        rows = pd.DataFrame({"level": texts, "label": labels}).groupby("level")["label"]
        levels = rows.agg(["size", "mean"]).sort_values("size", ascending=False, kind="stable")
        kept = levels[levels["size"] >= self._config.least_level_rows].head(
            self._config.most_levels
        )
        result: pd.Index = pd.Index(
            [*kept.sort_values("mean", kind="stable").index], dtype="object"
        )
        return result

    def build(self, frame: pd.DataFrame, decided_at: np.ndarray) -> Matrix:
        """The matrix of rows, each as of its own decision.

        Args:
            frame: the columns, any index.
            decided_at: datetime64 (n,).
        """
        features: dict[str, np.ndarray] = {}
        categories: set[str] = set()
        base = self._base_rate(decided_at)
        replaced = {rate.events for rate in self._rates}
        for name, column in self.columns.items():
            values = frame[name]
            if name in replaced:
                continue
            if column.kind == "number":
                features[name] = as_numbers(values)
            elif column.kind == "time":
                features[f"{name}:hours"] = (as_times(values) - decided_at) / np.timedelta64(1, "h")
            elif column.kind in ("category", "key"):
                texts = as_text(values)
                if name in self._levels:
                    features[name] = self._codes(name, texts)
                    categories.add(name)
                features |= self._history(name, texts, decided_at, base)
        for rate, average in self._rates.items():
            features[rate.name] = _counted_rate(frame, rate, average, self._config.prior_rows)
        features |= _calendar(decided_at)
        names = tuple(features)
        stacked = np.column_stack([*features.values()]) if names else np.zeros((len(frame), 0))
        return Matrix(stacked, names, np.array([name in categories for name in names], dtype=bool))

    def _codes(self, name: str, texts: np.ndarray) -> np.ndarray:
        codes = self._levels[name].get_indexer(pd.Index(texts)) + 2.0
        codes[codes < 2] = RARE
        codes[np.array([text is None for text in texts], dtype=bool)] = MISSING
        return codes

    def _base_rate(self, decided_at: np.ndarray) -> np.ndarray:
        known = self._base.as_of(np.zeros(len(decided_at), dtype=np.int8), decided_at)
        return (known.positives + 1.0) / (known.labels + 2.0)

    def _history(
        self, name: str, texts: np.ndarray, decided_at: np.ndarray, base: np.ndarray
    ) -> dict[str, np.ndarray]:
        known = self._histories[name].as_of(texts, decided_at)
        rate = smoothed_log_odds(
            known.positives, known.labels, base, prior_rows=self._config.prior_rows
        )
        result = {f"{name}:earlier_rate": rate}
        if self.columns[name].kind == "key":
            result[f"{name}:earlier_rows"] = np.log1p(known.rows)
            result[f"{name}:hours_since"] = np.log1p(known.hours_since)
        return result


def _learn_rates(
    frame: pd.DataFrame, columns: Mapping[str, Column], config: RiskConfig
) -> dict[CountedRate, float]:
    """The average of each rate whose two counts may be used."""
    averages = {}
    for rate in config.rates:
        if rate.events not in columns or rate.trials not in columns:
            continue
        trials = float(np.nansum(as_numbers(frame[rate.trials])))
        events = float(np.nansum(as_numbers(frame[rate.events])))
        averages[rate] = events / trials if trials > 0 else 0.0
    return averages


def _counted_rate(
    frame: pd.DataFrame, rate: CountedRate, average: float, prior_rows: float
) -> np.ndarray:
    events = np.nan_to_num(as_numbers(frame[rate.events]))
    trials = np.nan_to_num(as_numbers(frame[rate.trials]))
    result: np.ndarray = (events + prior_rows * average) / (trials + prior_rows)
    return result


def _calendar(decided_at: np.ndarray) -> dict[str, np.ndarray]:
    moments = pd.DatetimeIndex(decided_at)
    parts = {"hour": moments.hour, "weekday": moments.dayofweek, "day_of_month": moments.day}
    return {
        f"{DECISION_TIME}:{part}": numbers.to_numpy(dtype=np.float64)
        for part, numbers in parts.items()
    }


def usable_columns(
    columns: Mapping[str, Column], refused: Iterable[str]
) -> tuple[dict[str, Column], dict[str, str]]:
    """Columns that become features, and why the others that were not refused do not."""
    left_out = set(refused)
    reasons = {
        "identifier": "every row has a value of its own, so it tells nothing about the next row",
        "constant": "every row has the same value",
    }
    usable = {
        name: column
        for name, column in columns.items()
        if name not in left_out and column.kind not in reasons
    }
    unused = {
        name: reasons[column.kind]
        for name, column in columns.items()
        if name not in left_out and column.kind in reasons
    }
    return usable, unused
