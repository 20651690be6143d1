"""The table `model_evaluations`: every figure of a model beside the figure it has to beat."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

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
