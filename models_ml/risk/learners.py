"""The models that compete, from the simplest to the most able, and how one is calibrated.

`base_rate` says the same for every row; `one_column:<name>` is the rate of one column's bins; the
learner is a logistic regression or a gradient boosting, whichever has the lower log loss on rows
later than those learnt from.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from models_ml.risk.config import RiskConfig
from models_ml.risk.features import Matrix
from models_ml.risk.history import log_odds
from models_ml.splits import Mask

BASE_RATE = "base_rate"
ONE_COLUMN = "one_column"
LOGISTIC = "logistic_regression"
SHALLOW_BOOSTING = "shallow_gradient_boosting"
BOOSTING = "gradient_boosting"
LEARNERS = (LOGISTIC, SHALLOW_BOOSTING, BOOSTING)
_LEAVES = {SHALLOW_BOOSTING: 4, BOOSTING: 15}
BINS = 20
LEAST_SLOPE = 0.05
ONE_THREAD = {"limits": 1, "user_api": "openmp"}
"""Boosting on one thread: beside other processes its threads wait for each other."""


@cache
def _threads() -> ThreadpoolController:
    """The loaded thread pools, looked up once: that takes longer than scoring an order."""
    return ThreadpoolController()


class Model(Protocol):
    """What all candidates can do."""

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Probability before calibration, float64 (n,)."""


@dataclass(frozen=True)
class ConstantRate:
    """The share of positives among the rows learnt from."""

    rate: float

    def predict(self, values: np.ndarray) -> np.ndarray:
        """The same number for every row."""
        return np.full(len(values), self.rate)


@dataclass(frozen=True)
class BinnedRate:
    """The smoothed rate of the bin that one feature's value falls into."""

    place: int
    edges: np.ndarray
    rates: np.ndarray

    def predict(self, values: np.ndarray) -> np.ndarray:
        """The bin's rate for every row."""
        result: np.ndarray = self.rates[_bin(values[:, self.place], self.edges)]
        return result


@dataclass(frozen=True)
class Estimator:
    """A scikit-learn classifier."""

    classifier: Any

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Probability of the positive class."""
        with _threads().limit(**ONE_THREAD):
            result: np.ndarray = self.classifier.predict_proba(values)[:, 1]
        return result


@dataclass(frozen=True)
class Calibration:
    """Maps a model's log-odds to probabilities that come true."""

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    steps: IsotonicRegression | None = None

    def apply(self, risk: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64 (n,)."""
        if self.steps is not None:
            result: np.ndarray = np.clip(self.steps.predict(risk), 1e-6, 1 - 1e-6)
            return result
        odds = self.intercept + self.slope * log_odds(risk)
        probability: np.ndarray = 1.0 / (1.0 + np.exp(-odds))
        return probability


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate and its calibration, with those that it replaced."""

    name: str
    model: Model
    calibration: Calibration
    earlier: tuple[tuple[np.datetime64, "Fitted"], ...] = ()
    """What was in use before, oldest first, each with the time at which it was replaced."""

    def probabilities(self, values: np.ndarray, decided_at: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probability of the event, float64 (n,), 0..1.

        Args:
            values: rows of a matrix.
            decided_at: datetime64 (n,); each row is scored by what was in use at its time, without
                it by the newest.
        """
        if decided_at is None or not self.earlier:
            return self.calibration.apply(self.model.predict(values))
        borders = np.array([until for until, _ in self.earlier])
        period = np.searchsorted(borders, decided_at, side="right")
        in_use = [fitted for _, fitted in self.earlier] + [replace(self, earlier=())]
        result = np.empty(len(values))
        for number in np.unique(period):
            rows = period == number
            result[rows] = in_use[number].probabilities(values[rows])
        return result

    def replaced_by(self, newer: "Fitted", at: np.datetime64) -> "Fitted":
        """The newer one with this one as its past."""
        past = replace(self, earlier=())
        return replace(newer, earlier=(*self.earlier, (at, past)))


def fit_model(name: str, matrix: Matrix, labels: np.ndarray, *, config: RiskConfig) -> Model:
    """Fit a candidate by its name on all rows of a matrix."""
    if name == BASE_RATE:
        return ConstantRate(float(labels.mean()))
    if name.startswith(ONE_COLUMN):
        return _binned(matrix, labels, name.split(":", 1)[1], config)
    classifier = _logistic(matrix) if name == LOGISTIC else _boosting(name, labels, config)
    with _threads().limit(**ONE_THREAD):
        return Estimator(classifier.fit(matrix.values, labels))


def fit_candidate(
    name: str,
    matrix: Matrix,
    labels: np.ndarray,
    *,
    fit: Mask,
    calibrate: Mask,
    config: RiskConfig,
) -> Fitted:
    """Fit on one part of the rows and calibrate on a later one.

    The base rate needs no calibration: it is the share of positives in both parts.
    """
    if name == BASE_RATE:
        rows = fit | calibrate
        model = fit_model(name, matrix.rows(rows), labels[rows], config=config)
        return Fitted(name, model, Calibration("none"))
    model = fit_model(name, matrix.rows(fit), labels[fit], config=config)
    risk = model.predict(matrix.values[calibrate])
    return Fitted(name, model, calibrate_on(risk, labels[calibrate], config=config))


def recalibrate(
    fitted: Fitted, matrix: Matrix, labels: np.ndarray, *, calibrate: Mask, config: RiskConfig
) -> Fitted:
    """The same model, calibrated on other rows that it was not fitted on."""
    if fitted.name == BASE_RATE:
        return fitted
    risk = fitted.model.predict(matrix.values[calibrate])
    calibration = calibrate_on(risk, labels[calibrate], config=config)
    return Fitted(fitted.name, fitted.model, calibration)


def calibrate_on(risk: np.ndarray, labels: np.ndarray, *, config: RiskConfig) -> Calibration:
    """The calibration that predicts the later half of the rows best, fitted on all of them.

    A line through the log-odds (Platt 1999) that leans towards leaving them as they are and
    towards the newest rows; with many events also isotonic steps (Zadrozny and Elkan 2002). The
    more able one must be better on rows it has not seen: steps that follow chance cost more than
    they repair.

    Args:
        risk: probabilities before calibration, in order of time.
        labels: int (n,).
        config: settings.
    """
    rarer = min(int(labels.sum()), int((1 - labels).sum()))
    methods = ["sigmoid"]
    if rarer >= config.isotonic_from_events:
        methods.append("isotonic")
    half = len(labels) // 2
    learn, judge = slice(None, half), slice(half, None)
    if len(methods) == 1 or len(np.unique(labels[learn])) < 2:
        return _calibration("sigmoid", risk, labels, config)
    losses = {
        method: log_loss(
            labels[judge],
            _calibration(method, risk[learn], labels[learn], config).apply(risk[judge]),
            labels=[0, 1],
        )
        for method in methods
    }
    return _calibration(min(losses, key=losses.__getitem__), risk, labels, config)


def _calibration(
    method: str, risk: np.ndarray, labels: np.ndarray, config: RiskConfig
) -> Calibration:
    if method == "isotonic":
        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(risk, labels)
        return Calibration(method, steps=steps)
    age = np.arange(len(labels))[::-1]
    # Rows count half as much when as many events as this have come after them.
    events = min(float(labels.mean()), 1.0 - float(labels.mean()))
    half_life = config.calibration_half_life_events / max(events, 1.0 / len(labels))
    intercept, slope = _line(log_odds(risk), labels, 0.5 ** (age / half_life), config)
    return Calibration(method, slope, intercept)


def _line(
    odds: np.ndarray, labels: np.ndarray, weights: np.ndarray, config: RiskConfig
) -> tuple[float, float]:
    """Intercept and slope of a weighted logistic regression with a ridge towards slope 1.

    The ridge is `calibration_prior_rows` imagined rows; the slope stays above 0, so that
    calibration never turns the ranking round.
    """
    start = np.array([0.0, 1.0])
    ridge = np.array([config.calibration_prior_rows / 50, config.calibration_prior_rows])
    signs = 1.0 - 2.0 * labels

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (beta[0] + beta[1] * odds)
        pull = weights * signs * expit(margin)
        off = beta - start
        value = float((weights * np.logaddexp(0.0, margin)).sum() + 0.5 * (ridge * off**2).sum())
        return value, np.array([pull.sum(), (pull * odds).sum()]) + ridge * off

    bounds = [(None, None), (LEAST_SLOPE, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), float(found.x[1])


def choose_learner(
    matrix: Matrix, labels: np.ndarray, *, learn: Mask, validate: Mask, config: RiskConfig
) -> str:
    """The learner with the lowest log loss on rows later than those learnt from."""
    if len(np.unique(labels[learn])) < 2 or len(np.unique(labels[validate])) < 2:
        return LOGISTIC
    losses = {}
    for name in LEARNERS:
        model = fit_model(name, matrix.rows(learn), labels[learn], config=config)
        risk = model.predict(matrix.values[validate])
        losses[name] = float(log_loss(labels[validate], risk, labels=[0, 1]))
    return min(losses, key=losses.__getitem__)


def choose_one_column(
    matrix: Matrix, labels: np.ndarray, *, learn: Mask, validate: Mask, config: RiskConfig
) -> str | None:
    """The feature whose binned rate has the best average precision on later rows."""
    if not matrix.names or labels[validate].sum() == 0:
        return None
    precision = {}
    for name in matrix.names:
        model = _binned(matrix.rows(learn), labels[learn], name, config)
        risk = model.predict(matrix.values[validate])
        precision[name] = average_precision_score(labels[validate], risk)
    return f"{ONE_COLUMN}:{max(precision, key=precision.__getitem__)}"


def _binned(matrix: Matrix, labels: np.ndarray, name: str, config: RiskConfig) -> BinnedRate:
    place = matrix.names.index(name)
    values = matrix.values[:, place]
    present = values[~np.isnan(values)]
    if len(present) and not matrix.is_category[place]:
        present = np.quantile(present, np.linspace(0, 1, BINS + 1))
    edges = np.unique(present)
    codes = _bin(values, edges)
    size = 2 * len(edges) + 2
    rows, positives = np.bincount(codes, minlength=size), np.bincount(codes, labels, size)
    base = labels.mean()
    rates = (positives + config.prior_rows * base) / (rows + config.prior_rows)
    return BinnedRate(place, edges, rates)


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """0 where missing; on an edge and between edges are different bins."""
    place = np.searchsorted(edges, values, side="left")
    place = 1 + place + np.searchsorted(edges, values, side="right")
    result: np.ndarray = np.where(np.isnan(values), 0, place)
    return result


def _logistic(matrix: Matrix) -> Pipeline:
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        FunctionTransformer(_signed_log),
        StandardScaler(),
    )
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            ("numbers", numbers, np.flatnonzero(~matrix.is_category)),
            ("texts", texts, np.flatnonzero(matrix.is_category)),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=0.3, max_iter=500))


def _boosting(name: str, labels: np.ndarray, config: RiskConfig) -> HistGradientBoostingClassifier:
    """Codes of levels stand in order of their rate, so they are split like numbers."""
    rarer = min(int(labels.sum()), int((1 - labels).sum()))
    return HistGradientBoostingClassifier(
        max_iter=config.boosting_rounds,
        learning_rate=0.08,
        max_leaf_nodes=_LEAVES[name],
        min_samples_leaf=int(np.clip(rarer // 20, 20, 100)),
        l2_regularization=5.0,
        early_stopping=False,
        random_state=config.seed,
    )


def _signed_log(values: np.ndarray) -> np.ndarray:
    """Logarithm that keeps the sign and zero: amounts and counts are skewed."""
    result: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
    return result
