"""What an evaluation says: figures beside their baselines, calibration, slices, costs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from models_ml.evaluations import Scores, evaluation_frame, expected_calibration_error
from models_ml.risk.config import Costs


@dataclass(frozen=True)
class OneColumnBaseline:
    """The best that a single column does on the same rows; `float()` is its average precision."""

    column: str
    average_precision: float
    auc: float
    brier: float

    def __float__(self) -> float:
        return self.average_precision


@dataclass(frozen=True)
class Report:
    """Honest figures of the learner on the newest rows, and what they have to beat.

    All figures are of the test rows, which neither the fit nor the calibration saw.
    """

    average_precision: float
    auc: float
    brier: float
    brier_constant: float
    """Brier score of the base rate known when the test began."""
    ece: float
    """Expected calibration error, bins of equal size, 0..1."""
    base_rate: float
    """Share of positives in the test."""
    precision_at_capacity: float
    """Share of positives among the riskiest rows that people can look at."""
    recall_at_capacity: float
    expected_cost: float
    """Mean cost of a row when rows from the threshold on are looked at."""
    cost_without: float
    """Mean cost of a row when nothing is looked at, or everything, whichever is lower."""
    threshold: float
    """Probability from which a look is worth its cost."""
    one_column_baseline: OneColumnBaseline | None
    random_split: Scores
    """The learner on rows drawn at random: what a careless test would have claimed."""
    refused_columns: dict[str, str]
    """Column -> why it must not be a feature."""
    unused_columns: dict[str, str]
    """Column -> why it is of no use, although it is no leak."""
    learner: str
    kept: str
    """The candidate that the rule of promotion puts to use: the simplest not clearly beaten."""
    calibration_method: str
    scores: dict[str, Scores]
    """Candidate -> figures, from the simplest to the learner."""
    calibration: pd.DataFrame
    """A row a bin of equal size: row_count, predicted_rate, observed_rate."""
    slices: pd.DataFrame
    """A row a level of a category and a stretch of time: column, level, row_count, base_rate,
    predicted_rate, average_precision, ece."""
    cost_curve: pd.DataFrame
    """A row a share of rows looked at: share, threshold, precision, recall, mean_cost."""
    drift: pd.DataFrame
    """A row an input, and one of the score, the most moved first: `models_ml.drift`."""
    rows: dict[str, int]
    """Rows of fit, calibrate and test, and those in none of them."""
    window_start: pd.Timestamp
    window_end: pd.Timestamp
    costs: Costs
    notes: tuple[str, ...]
    """What a reader of the figures should know."""

    def summary(self) -> str:
        """Three sentences for a person."""
        column = self.one_column_baseline
        alone = f"{column.column} alone {column.average_precision:.3f}, " if column else ""
        return (
            f"On the {self.rows['test']:,} newest matured rows the {self.learner} has average "
            f"precision {self.average_precision:.3f} ({alone}base rate {self.base_rate:.3f}, a "
            f"random split would claim {self.random_split.average_precision:.3f}), AUC "
            f"{self.auc:.3f}, Brier {self.brier:.4f} (constant {self.brier_constant:.4f}), ECE "
            f"{self.ece:.4f}. Looking from probability {self.threshold:.3f} on costs "
            f"{self.expected_cost:.4f} a row (without the model {self.cost_without:.4f}). "
            f"Refused columns: {', '.join(self.refused_columns) or 'none'}; in use: {self.kept}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, tables as lists of rows."""
        result: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, pd.DataFrame):
                value = value.to_dict(orient="records")
            elif isinstance(value, (Scores, OneColumnBaseline, Costs)):
                value = asdict(value)
            elif isinstance(value, pd.Timestamp):
                value = value.isoformat()
            elif item.name == "scores":
                value = {name: asdict(scores) for name, scores in value.items()}
            result[item.name] = value
        return result

    def frame(
        self, *, model: str, business: str, model_version: str, evaluated_at: datetime
    ) -> pd.DataFrame:
        """Rows of `model_evaluations`: every figure of the learner beside every other's.

        The row `is_learner_kept` is 1 or 0; its baseline_name is the model in use.
        """
        ours = self.scores[self.learner]
        others = {name: scores for name, scores in self.scores.items() if name != self.learner}
        others["random_split"] = self.random_split
        figures = [
            (field.name, getattr(ours, field.name), name, getattr(scores, field.name))
            for field in fields(Scores)
            for name, scores in others.items()
        ]
        figures += [
            ("expected_cost", self.expected_cost, "without_model", self.cost_without),
            ("precision_at_capacity", self.precision_at_capacity, "base_rate", self.base_rate),
            (
                "is_learner_kept",
                float(self.kept == self.learner),
                self.kept,
                self.scores[self.kept].average_precision,
            ),
        ]
        return evaluation_frame(
            figures,
            model=model,
            business=business,
            window=(self.window_start, self.window_end),
            row_count=self.rows["test"],
            model_version=model_version,
            evaluated_at=evaluated_at,
        )


def calibration_table(labels: np.ndarray, risk: np.ndarray, *, bins: int) -> pd.DataFrame:
    """Predicted and observed rate of bins of equal size, the least risky first."""
    order = np.argsort(risk, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return pd.DataFrame(
        {
            "row_count": [len(part) for part in parts],
            "predicted_rate": [float(risk[part].mean()) for part in parts],
            "observed_rate": [float(labels[part].mean()) for part in parts],
        }
    )


def precision_and_recall_at(
    labels: np.ndarray, risk: np.ndarray, *, share: float
) -> tuple[float, float]:
    """Precision and recall of the riskiest share of the rows; the first row wins a tie."""
    count = max(round(len(labels) * share), 1)
    top = np.argsort(-risk, kind="stable")[:count]
    found = float(labels[top].sum())
    return found / count, found / max(float(labels.sum()), 1.0)


def mean_cost(labels: np.ndarray, is_reviewed: np.ndarray, costs: Costs) -> float:
    """Mean cost of a row under a decision, in the unit of the costs."""
    missed = costs.false_negative * ((labels == 1) & ~is_reviewed)
    stopped = costs.false_positive * ((labels == 0) & is_reviewed)
    return float((missed + stopped + costs.review * is_reviewed).mean())


def cost_without_model(labels: np.ndarray, costs: Costs) -> float:
    """The lower of the mean costs of looking at nothing and at everything."""
    nothing = np.zeros(len(labels), dtype=bool)
    return min(mean_cost(labels, nothing, costs), mean_cost(labels, ~nothing, costs))


def cost_curve(labels: np.ndarray, risk: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Cost, precision and recall at shares of rows looked at, from none to all."""
    order = np.argsort(-risk, kind="stable")
    shares = np.concatenate([[0.0], np.geomspace(0.005, 1.0, 24)])
    rows = []
    for share in shares:
        count = round(len(labels) * share)
        looked = np.zeros(len(labels), dtype=bool)
        looked[order[:count]] = True
        found = float(labels[looked].sum())
        rows.append(
            {
                "share": float(share),
                "threshold": float(risk[order[count - 1]]) if count else 1.0,
                "precision": found / count if count else float("nan"),
                "recall": found / max(float(labels.sum()), 1.0),
                "mean_cost": mean_cost(labels, looked, costs),
            }
        )
    return pd.DataFrame(rows)


def slice_table(
    labels: np.ndarray,
    risk: np.ndarray,
    slices: Iterable[tuple[str, np.ndarray]],
    *,
    least_rows: int,
    bins: int,
) -> pd.DataFrame:
    """Figures of each level of each column that has enough rows.

    Args:
        labels: int (n,).
        risk: float (n,).
        slices: column name and level of every row, object (n,).
        least_rows: rows that a level must have.
        bins: bins of the calibration error.
    """
    columns = [
        "column", "level", "row_count", "base_rate", "predicted_rate", "average_precision", "ece",
    ]  # fmt: skip
    rows = []
    for name, levels in slices:
        codes, names = pd.factorize(levels)
        for code, level in enumerate(names):
            inside = codes == code
            if inside.sum() < least_rows:
                continue
            rows.append((name, str(level), *_slice_figures(labels[inside], risk[inside], bins)))
    return pd.DataFrame(rows, columns=columns)


def _slice_figures(labels: np.ndarray, risk: np.ndarray, bins: int) -> tuple[float, ...]:
    positives = int(labels.sum())
    order = np.argsort(-risk, kind="stable")
    hits = labels[order].cumsum()
    ranks = np.flatnonzero(labels[order]) + 1
    precision = float((hits[ranks - 1] / ranks).mean()) if positives else float("nan")
    return (
        len(labels),
        float(labels.mean()),
        float(risk.mean()),
        precision,
        expected_calibration_error(labels, risk, bins=bins),
    )
