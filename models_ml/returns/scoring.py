"""A trained return-risk model, what stands in its place without data, and scoring with it."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from models_ml.frames import require_columns, require_one_business, require_unique
from models_ml.returns.candidates import Fitted
from models_ml.returns.config import KEY_COLUMNS, ReturnRiskConfig
from models_ml.returns.evaluate import ReturnRiskReport
from models_ml.returns.features import build_features
from models_ml.returns.reasons import explain

SCORE_COLUMNS = (*KEY_COLUMNS, "risk_score", "top_reasons", "model_version", "scored_at")


@dataclass(frozen=True)
class NotEnoughData:
    """No model could be trained; `reason` is a sentence for the person who looks."""

    reason: str


@dataclass(frozen=True)
class TrainedReturnRisk:
    """A model that may score lines of its business, with the report that let it."""

    business: str
    config: ReturnRiskConfig
    fitted: Fitted
    typical: pd.DataFrame
    """One row: the typical value of every derived feature."""
    base_rate: float
    """Share of returned lines among the rows of the last fit, 0..1."""
    model_version: str
    report: ReturnRiskReport


def score(model: TrainedReturnRisk, examples: pd.DataFrame, *, scored_at: datetime) -> pd.DataFrame:
    """Probability that each line will be returned, and why it is above the average.

    Args:
        model: what `train` returned.
        examples: lines of the same business with the keys and feature columns; no label needed.
        scored_at: written into every row.

    Returns:
        One row per line in the order given, with SCORE_COLUMNS; `risk_score` is 0..1,
        `top_reasons` holds codes separated by commas (see `reasons.REASON_CODES`).

    Raises:
        FrameError: a missing column, several businesses, two rows for one line.
        ValueError: the lines are of another business than the model.
    """
    require_columns(examples, KEY_COLUMNS, name="examples")
    if examples.empty:
        return pd.DataFrame(columns=list(SCORE_COLUMNS))
    business = require_one_business(examples, name="examples")
    if business != model.business:
        raise ValueError(
            f"The model is of business {model.business}, the examples are of {business}."
        )
    require_unique(examples, ["order_key", "line_no"], name="examples")
    features = build_features(examples, config=model.config)
    risk = model.fitted.probabilities(features)
    result = examples[list(KEY_COLUMNS)].reset_index(drop=True)
    result["risk_score"] = risk
    result["top_reasons"] = explain(
        model.fitted,
        features,
        raised=risk > model.base_rate,
        typical=model.typical,
        most=model.config.reasons,
    )
    result["model_version"] = model.model_version
    result["scored_at"] = pd.Timestamp(scored_at)
    return result[list(SCORE_COLUMNS)]
