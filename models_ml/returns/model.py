"""Return risk of an order line: the order risk of `models_ml.risk` on the lines of one business."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from models_ml import risk
from models_ml.frames import (
    as_float,
    as_instant,
    as_utc,
    require_columns,
    require_one_business,
    require_unique,
    require_values,
)
from models_ml.returns.config import (
    CATEGORY_FEATURES,
    KEY_COLUMNS,
    ReturnRiskConfig,
    check_features,
)
from models_ml.risk import NotEnoughData, Report, RiskModel
from models_ml.risk.model import CHALLENGER

ROLES = {"label": "is_returned", "decided_at": "ordered_at", "matured_at": "label_known_at"}
SCORE_COLUMNS = (
    *KEY_COLUMNS,
    "risk_score",
    "is_above_threshold",
    "top_reasons",
    "reasons_en",
    "reasons_zh",
    "challenger_score",
    "model_version",
    "scored_at",
)


@dataclass(frozen=True)
class TrainedReturnRisk:
    """A model that may score lines of its business."""

    business: str
    config: ReturnRiskConfig
    model: RiskModel

    @property
    def report(self) -> Report:
        """What the test said."""
        return self.model.report


def train(
    examples: pd.DataFrame, *, as_of: datetime, config: ReturnRiskConfig | None = None
) -> TrainedReturnRisk | NotEnoughData:
    """Train on what was known at `as_of`.

    Args:
        examples: rows of `fct_return_risk_examples` of one business: the keys (business, order_key,
            line_no, customer_key), the features of the configuration, `ordered_at`, `is_returned`
            and `label_known_at`. Rows ordered later, and labels known later, are not looked at.
        as_of: the present; a naive time is taken as UTC.
        config: settings; the defaults when None.

    Returns:
        The model with its report, or `NotEnoughData` where there are too few matured lines or
        only one kind of answer.

    Raises:
        FrameError: a missing column, several businesses, two rows for one line, an empty time.
        LeakageError: a feature is not declared.
    """
    settings = config or ReturnRiskConfig()
    require_columns(examples, (*KEY_COLUMNS, *ROLES.values()), name="examples")
    require_values(examples, ("business", "order_key", "ordered_at"), name="examples")
    examples = examples[as_utc(examples["ordered_at"]) <= as_instant(as_of)]
    if examples.empty:
        return NotEnoughData("There is no order line up to this time, so nothing to learn from.")
    business = require_one_business(examples, name="examples")
    require_unique(examples, ["order_key", "line_no"], name="examples")
    # The same lines give the same model, in whatever order the lake hands them over.
    examples = examples.sort_values(["ordered_at", "order_key", "line_no"], ignore_index=True)
    features = build_features(examples, config=settings)
    roles = examples[["order_key", *ROLES.values()]].reset_index(drop=True)
    model = risk.train(
        pd.concat([features, roles.drop(columns="ordered_at")], axis=1),
        group="order_key",
        available_at=dict.fromkeys(settings.features),
        cost=settings.costs,
        config=settings.risk,
        as_of=as_of,
        name="return-risk",
        **ROLES,
    )
    if isinstance(model, NotEnoughData):
        return model
    return TrainedReturnRisk(business, settings, model)


def score(model: TrainedReturnRisk, examples: pd.DataFrame, *, scored_at: datetime) -> pd.DataFrame:
    """Probability that each line will be returned, and why it is above the average.

    Args:
        model: what `train` returned.
        examples: lines of the same business with the keys and feature columns; no label needed.
        scored_at: written into every row; see `RiskModel.score`.

    Returns:
        One row per line in the order given, with SCORE_COLUMNS; `risk_score` is 0..1,
        `top_reasons` holds codes separated by commas (see `reasons.REASON_CODES`).

    Raises:
        FrameError: a missing column, several businesses, two rows for one line, an order time
            after `scored_at`.
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
    scored = model.model.score(features, scored_at=scored_at, with_challenger=True)
    names = {
        "probability": "risk_score",
        "reason_codes": "top_reasons",
        CHALLENGER: "challenger_score",
    }
    keys = examples[list(KEY_COLUMNS)].reset_index(drop=True)
    return pd.concat([keys, scored.rename(columns=names)], axis=1)[list(SCORE_COLUMNS)]


def build_features(examples: pd.DataFrame, *, config: ReturnRiskConfig) -> pd.DataFrame:
    """The feature columns as numbers and text with `ordered_at`, index 0..n-1.

    Adds `is_customer_known` (0 or 1). Other columns of `examples`, the label among them, are left
    behind.

    Raises:
        FrameError: a feature column is missing or holds no numbers.
        LeakageError: a feature is not declared.
    """
    check_features(config.features)
    require_columns(examples, (*config.features, "customer_key", "ordered_at"), name="examples")
    columns: dict[str, object] = {}
    for name in config.features:
        values = examples[name]
        columns[name] = values.to_numpy() if name in CATEGORY_FEATURES else as_float(values)
    columns["is_customer_known"] = examples["customer_key"].notna().to_numpy(dtype=np.float64)
    columns["ordered_at"] = as_utc(examples["ordered_at"])
    return pd.DataFrame(columns)
