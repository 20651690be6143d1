"""From examples to features: row by row, nothing fitted outside the pipeline.

The counts of earlier lines come from SQL that already looked only at what was known before the
order; here they become rates. The rates' average is learnt in `PriorRates.fit`, so it comes from
the rows that a model is fitted on and from no others.
"""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from models_ml.frames import as_float, require_columns
from models_ml.returns.config import CATEGORY_FEATURES, ReturnRiskConfig, check_features

RATE_SUBJECTS = ("customer", "sku")
UNKNOWN_CATEGORY = "unknown"


def build_features(examples: pd.DataFrame, *, config: ReturnRiskConfig) -> pd.DataFrame:
    """The feature columns as numbers and text, (n, features + 1), index 0..n-1.

    Adds `is_customer_known` (0 or 1). Other columns of `examples`, the label among them, are left
    behind.

    Raises:
        FrameError: a feature column is missing or holds no numbers.
        LeakageError: a feature is not declared.
    """
    check_features(config.features)
    require_columns(examples, (*config.features, "customer_key"), name="examples")
    columns: dict[str, object] = {}
    for name in config.features:
        if name in CATEGORY_FEATURES:
            text = examples[name].astype("object")
            columns[name] = text.where(text.notna(), UNKNOWN_CATEGORY).astype(str).to_numpy()
        else:
            columns[name] = as_float(examples[name])
    columns["is_customer_known"] = examples["customer_key"].notna().to_numpy(dtype=np.float64)
    return pd.DataFrame(columns)


class PriorRates(TransformerMixin, BaseEstimator):
    """Turns counts of earlier lines into smoothed return rates of the customer and the SKU.

    rate = (returned + k * average) / (lines + k), the posterior mean of a beta-binomial with k
    imagined lines; `average` is sum(returned) / sum(lines) over the rows of `fit`. Replaces the
    column `<subject>_prior_returned_lines` by `<subject>_prior_return_rate`.
    """

    def __init__(self, prior_lines: float = 10.0) -> None:
        self.prior_lines = prior_lines

    def fit(self, features: pd.DataFrame, labels: object = None) -> Self:  # noqa: ARG002
        """Learn the average rate of each subject; labels are not looked at."""
        self.averages_ = {
            subject: _average(features, subject)
            for subject in RATE_SUBJECTS
            if {f"{subject}_prior_lines", f"{subject}_prior_returned_lines"} <= set(features)
        }
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """The features with rates in place of returned counts."""
        result = features.copy()
        for subject, average in self.averages_.items():
            lines = result[f"{subject}_prior_lines"].fillna(0.0)
            returned = result.pop(f"{subject}_prior_returned_lines").fillna(0.0)
            result[f"{subject}_prior_return_rate"] = (returned + self.prior_lines * average) / (
                lines + self.prior_lines
            )
        return result


def _average(features: pd.DataFrame, subject: str) -> float:
    lines = float(features[f"{subject}_prior_lines"].sum())
    returned = float(features[f"{subject}_prior_returned_lines"].sum())
    return returned / lines if lines > 0 else 0.0
