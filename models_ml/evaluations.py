"""Figures of a model beside the figures it has to beat, and the rule that lets it take over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

EVALUATION_COLUMNS = (
    "model",
    "business",
    "metric",
    "value",
    "baseline_name",
    "baseline_value",
    "window_start",
    "window_end",
    "row_count",
    "model_version",
    "evaluated_at",
)

Figure = tuple[str, float, str, float]
"""Metric, value, name of the baseline, value of the baseline."""


def evaluation_frame(
    figures: Sequence[Figure],
    *,
    model: str,
    business: str,
    window: tuple[pd.Timestamp, pd.Timestamp],
    row_count: int,
    model_version: str,
    evaluated_at: datetime,
) -> pd.DataFrame:
    """One row per figure with EVALUATION_COLUMNS.

    Args:
        figures: what was measured.
        model: `demand` or `return_risk`.
        business: the data's business.
        window: start and end of the judged time, UTC, half open.
        row_count: judged rows.
        model_version: see `models_ml.versions`.
        evaluated_at: written into every row.
    """
    frame = pd.DataFrame(
        list(figures), columns=["metric", "value", "baseline_name", "baseline_value"]
    )
    frame["model"], frame["business"] = model, business
    frame["window_start"], frame["window_end"] = window
    frame["row_count"], frame["model_version"] = row_count, model_version
    frame["evaluated_at"] = pd.Timestamp(evaluated_at)
    return frame[list(EVALUATION_COLUMNS)]


@dataclass(frozen=True)
class Scores:
    """Figures of one model on one set of rows; all 0..1 but the log loss."""

    average_precision: float
    roc_auc: float
    brier: float
    log_loss: float
    ece: float


def measure(labels: np.ndarray, risk: np.ndarray, *, bins: int) -> Scores:
    """All figures of a model.

    Args:
        labels: int (n,), 1 = the event; both values must occur.
        risk: float (n,), predicted probabilities.
        bins: bins of the calibration error.
    """
    return Scores(
        average_precision=float(average_precision_score(labels, risk)),
        roc_auc=float(roc_auc_score(labels, risk)),
        brier=float(brier_score_loss(labels, risk)),
        log_loss=float(log_loss(labels, risk, labels=[0, 1])),
        ece=expected_calibration_error(labels, risk, bins=bins),
    )


def expected_calibration_error(labels: np.ndarray, risk: np.ndarray, *, bins: int) -> float:
    """Mean distance of predicted and observed rate over bins of equal size, 0..1.

    Rows are sorted by risk and cut into `bins` parts (Nixon et al. 2019, adaptive bins); rows with
    the same risk may fall into two neighbouring bins.
    """
    order = np.argsort(risk, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(labels[part].mean() - risk[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(labels))


def promotion_reason(scores: Mapping[str, Scores], *, kept: str, margin: float) -> str:
    """Why `promote` kept what it kept, in one sentence.

    Args:
        scores: what `promote` was given, the learner last.
        kept: what it answered.
        margin: what it was given.
    """
    names = list(scores)
    learner = names[-1]
    ours, other = scores[learner], scores[kept]
    if kept == learner:
        simpler = scores[names[-2]] if len(names) > 1 else ours
        return (
            f"The {learner} has average precision {ours.average_precision:.4f}, "
            f"{names[max(len(names) - 2, 0)]} {simpler.average_precision:.4f}, and a Brier score "
            "that is not worse."
        )
    return (
        f"The {learner} has average precision {ours.average_precision:.4f} and Brier score "
        f"{ours.brier:.4f}, which is not {margin:.0%} better than {kept} "
        f"({other.average_precision:.4f}, {other.brier:.4f}); {kept} stays in use."
    )


def promote(scores: Mapping[str, Scores], *, margin: float) -> str:
    """The name of the model to use.

    Candidates stand from the simplest to the most able. The next one takes over only when its
    average precision is at least `margin` (relative) above that of the one in use and its Brier
    score is not worse.
    """
    names = list(scores)
    kept = names[0]
    for name in names[1:]:
        better = scores[name].average_precision >= scores[kept].average_precision * (1 + margin)
        if better and scores[name].brier <= scores[kept].brier:
            kept = name
    return kept
