"""The models that compete, from the simplest to the most able, and how one is fitted.

`base_rate` says the same for every line; `one_column` ranks by the best single earlier return
rate; the learner is a logistic regression or a gradient boosting, whichever validation prefers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models_ml.returns.config import ReturnRiskConfig
from models_ml.returns.features import RATE_SUBJECTS, PriorRates
from models_ml.splits import Mask

BASE_RATE = "base_rate"
LOGISTIC = "logistic_regression"
BOOSTING = "gradient_boosting"
ITERATIONS = 100
ONE_THREAD = {"limits": 1, "user_api": "openmp"}
"""Boosting on one thread: beside other processes its threads wait for each other, and a run on 2
busy cores took twice as long with two threads as with one."""


@dataclass(frozen=True)
class Candidate:
    """A kind of model; `column` is the one it looks at, all of them when empty."""

    name: str
    column: str = ""

    def build(self, config: ReturnRiskConfig) -> Pipeline:
        """The unfitted pipeline: rates, preprocessing and classifier in one."""
        rates = PriorRates(config.prior_lines)
        if self.name == BASE_RATE:
            return Pipeline([("rates", rates), ("model", DummyClassifier(strategy="prior"))])
        if self.column:
            model = make_pipeline(_numbers([self.column]), LogisticRegression())
        elif self.name == LOGISTIC:
            numbers = make_column_selector(dtype_include="number")
            model = make_pipeline(_numbers(numbers), LogisticRegression(max_iter=1_000))
        else:
            boosting = HistGradientBoostingClassifier(
                max_iter=ITERATIONS,
                learning_rate=0.08,
                max_leaf_nodes=15,
                min_samples_leaf=50,
                l2_regularization=1.0,
                early_stopping=False,
                random_state=config.seed,
            )
            model = make_pipeline(_categories("passthrough"), boosting)
        return Pipeline([("rates", rates), ("model", model)])


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline and its calibration."""

    candidate: Candidate
    pipeline: Pipeline
    """Rates and model, not calibrated: what reasons are read from."""
    calibrated: CalibratedClassifierCV | Pipeline

    def probabilities(self, features: pd.DataFrame) -> np.ndarray:
        """Calibrated probability of a return, float64 (n,), 0..1."""
        with threadpool_limits(**ONE_THREAD):
            result: np.ndarray = self.calibrated.predict_proba(features)[:, 1]
        return result

    def raw_probabilities(self, derived: pd.DataFrame) -> np.ndarray:
        """Probability before calibration, float64 (n,), from features with rates derived."""
        with threadpool_limits(**ONE_THREAD):
            result: np.ndarray = self.pipeline["model"].predict_proba(derived)[:, 1]
        return result


def fit_candidate(
    candidate: Candidate,
    features: pd.DataFrame,
    labels: np.ndarray,
    *,
    fit: Mask,
    calibrate: Mask,
    config: ReturnRiskConfig,
) -> Fitted:
    """Fit on one part of the rows and calibrate on a later one.

    The base rate needs no calibration: it is the share of returned lines in both parts.
    """
    pipeline = candidate.build(config)
    if candidate.name == BASE_RATE:
        rows = fit | calibrate
        pipeline.fit(features[rows], labels[rows])
        return Fitted(candidate, pipeline, pipeline)
    many = int(calibrate.sum()) >= config.isotonic_from_rows
    calibrated = CalibratedClassifierCV(
        FrozenEstimator(pipeline), method="isotonic" if many else "sigmoid"
    )
    with threadpool_limits(**ONE_THREAD):
        pipeline.fit(features[fit], labels[fit])
        calibrated.fit(features[calibrate], labels[calibrate])
    return Fitted(candidate, pipeline, calibrated)


def choose_learner(
    features: pd.DataFrame,
    labels: np.ndarray,
    *,
    learn: Mask,
    validate: Mask,
    config: ReturnRiskConfig,
) -> Candidate:
    """Logistic regression or boosting, by log loss on rows later than those learnt from."""
    if len(np.unique(labels[learn])) < 2 or not validate.any():
        return Candidate(LOGISTIC)
    losses = {}
    for name in (LOGISTIC, BOOSTING):
        with threadpool_limits(**ONE_THREAD):
            pipeline = Candidate(name).build(config).fit(features[learn], labels[learn])
            risk = pipeline.predict_proba(features[validate])[:, 1]
        losses[name] = float(log_loss(labels[validate], risk, labels=[0, 1]))
    return Candidate(min(losses, key=losses.__getitem__))


def choose_one_column(
    features: pd.DataFrame, labels: np.ndarray, *, rows: Mask, config: ReturnRiskConfig
) -> Candidate | None:
    """The single earlier return rate with the best average precision; None without such rates."""
    rates = PriorRates(config.prior_lines).fit_transform(features[rows])
    columns = [f"{subject}_prior_return_rate" for subject in RATE_SUBJECTS]
    precision = {
        column: average_precision_score(labels[rows], rates[column])
        for column in columns
        if column in rates
    }
    if not precision:
        return None
    best = max(precision, key=precision.__getitem__)
    return Candidate(f"one_column:{best}", column=best)


def _numbers(columns: object) -> ColumnTransformer:
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=False),
        FunctionTransformer(_signed_log, feature_names_out="one-to-one"),
        StandardScaler(),
    )
    if isinstance(columns, list):
        return ColumnTransformer([("numbers", numbers, columns)])
    return _categories(numbers)


def _categories(numbers: object) -> ColumnTransformer:
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("texts", texts, make_column_selector(dtype_exclude="number")),
        ]
    )


def _signed_log(values: np.ndarray) -> np.ndarray:
    """Logarithm that keeps the sign and zero: amounts and counts are skewed."""
    result: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
    return result
