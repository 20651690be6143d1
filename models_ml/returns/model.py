"""Return risk of an order line: train, choose, calibrate, promote or not.

Order of work in `train`: split by time -> choose the learner on the newest part of the rows to fit
-> fit, calibrate and test every candidate -> keep the simplest one that no other beats by the
margin -> fit that one again on all matured rows. Nothing known after `as_of` is looked at.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from models_ml.evaluations import Scores, measure, promote
from models_ml.frames import (
    as_float,
    as_instant,
    as_utc,
    require_columns,
    require_one_business,
    require_unique,
    require_values,
)
from models_ml.returns.candidates import (
    BASE_RATE,
    Candidate,
    Fitted,
    choose_learner,
    choose_one_column,
    fit_candidate,
)
from models_ml.returns.config import KEY_COLUMNS, ReturnRiskConfig
from models_ml.returns.evaluate import ReturnRiskReport
from models_ml.returns.features import build_features
from models_ml.returns.reasons import typical_values
from models_ml.returns.scoring import NotEnoughData, TrainedReturnRisk
from models_ml.splits import (
    ExampleSplit,
    Mask,
    label_delay,
    mature_rows,
    newest_rows,
    random_split,
    share_start,
    split_examples,
)
from models_ml.versions import model_version

LABEL_COLUMNS = ("ordered_at", "is_returned", "label_known_at")


@dataclass(frozen=True)
class _Examples:
    """What is known at the present, in arrays of one length."""

    features: pd.DataFrame
    labels: np.ndarray
    decided_at: np.ndarray
    known_at: np.ndarray


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
    require_columns(examples, (*KEY_COLUMNS, *LABEL_COLUMNS), name="examples")
    require_values(examples, ("business", "order_key", "ordered_at"), name="examples")
    present = as_instant(as_of)
    examples = examples[as_utc(examples["ordered_at"]) <= present]
    if examples.empty:
        return NotEnoughData("There is no order line up to this time, so nothing to learn from.")
    business = require_one_business(examples, name="examples")
    require_unique(examples, ["order_key", "line_no"], name="examples")
    known = _read(examples, present, settings)
    delay = label_delay(known.decided_at, known.known_at, known.labels == 1)
    split = split_examples(
        known.decided_at,
        known.known_at,
        as_of=present,
        delay=delay,
        test_share=settings.test_share,
        calibrate_share=settings.calibrate_share,
    )
    lacking = _find_lack(split, known.labels, settings)
    if lacking:
        return NotEnoughData(lacking)
    split = replace(split, fit=_bounded(split.fit, known, settings))
    mature = mature_rows(known.decided_at, known.known_at, at=present, delay=delay)
    candidates, scores = _judge(known, split, settings)
    learner = candidates[-1]
    kept = promote(scores, margin=settings.promotion_margin)
    version = model_version(
        "return-risk",
        settings,
        window_start=pd.Timestamp(known.decided_at.min()).date(),
        window_end=pd.Timestamp(present).date(),
    )
    report = ReturnRiskReport(
        business=business,
        kept=kept,
        learner=learner.name,
        scores=scores,
        random_split=_random_score(known, mature, learner, settings),
        base_rate=float(known.labels[split.test].mean()),
        margin=settings.promotion_margin,
        rows={name: int(getattr(split, name).sum()) for name in ("fit", "calibrate", "test")},
        window_start=pd.Timestamp(split.test_start, tz="UTC"),
        window_end=pd.Timestamp(known.decided_at[split.test].max(), tz="UTC"),
        model_version=version,
    )
    chosen = next(candidate for candidate in candidates if candidate.name == kept)
    fitted = _fit_for_use(known, mature, chosen, settings)
    return TrainedReturnRisk(
        business,
        settings,
        fitted,
        typical_values(fitted, known.features[mature]),
        float(known.labels[mature].mean()),
        version,
        report,
    )


def _read(examples: pd.DataFrame, present: np.datetime64, config: ReturnRiskConfig) -> _Examples:
    """Arrays of what is known: a label known after the present is taken as unknown."""
    known_at = as_utc(examples["label_known_at"])
    labels = as_float(examples["is_returned"])
    open_label = np.isnan(labels) | np.isnat(known_at) | (known_at > present)
    return _Examples(
        build_features(examples, config=config),
        np.where(open_label, 0, np.nan_to_num(labels)).astype(np.int64),
        as_utc(examples["ordered_at"]),
        np.where(open_label, np.datetime64("NaT"), known_at),
    )


def _find_lack(split: ExampleSplit, labels: np.ndarray, config: ReturnRiskConfig) -> str:
    """A sentence about what is missing, empty when nothing is."""
    for part, name in (("fit", "learn from"), ("calibrate", "calibrate on"), ("test", "test on")):
        values = labels[getattr(split, part)]
        if len(values) < config.least_rows:
            return (
                f"There are {len(values)} matured order lines to {name}, but {config.least_rows} "
                "are needed; wait for more history."
            )
        rarer = min(int(values.sum()), int((1 - values).sum()))
        if rarer < config.least_class_rows:
            kind = "returned" if values.mean() < 0.5 else "kept"
            return (
                f"There are {rarer} {kind} order lines to {name}, but {config.least_class_rows} "
                "are needed to tell them from the others; wait for more history."
            )
    return ""


def _bounded(rows: Mask, known: _Examples, config: ReturnRiskConfig) -> Mask:
    return newest_rows(rows, known.decided_at, most=config.most_fit_rows)


def _judge(
    known: _Examples, split: ExampleSplit, config: ReturnRiskConfig
) -> tuple[tuple[Candidate, ...], dict[str, Scores]]:
    """The candidates from the simplest to the learner, and their figures on the test rows."""
    start = share_start(
        known.decided_at[split.fit], config.validation_share, otherwise=split.calibrate_start
    )
    learner = choose_learner(
        known.features,
        known.labels,
        learn=split.fit & (known.decided_at < start),
        validate=split.fit & (known.decided_at >= start),
        config=config,
    )
    one_column = choose_one_column(known.features, known.labels, rows=split.fit, config=config)
    candidates = tuple(c for c in (Candidate(BASE_RATE), one_column, learner) if c is not None)
    scores = {}
    for candidate in candidates:
        fitted = fit_candidate(
            candidate,
            known.features,
            known.labels,
            fit=split.fit,
            calibrate=split.calibrate,
            config=config,
        )
        risk = fitted.probabilities(known.features[split.test])
        scores[candidate.name] = measure(
            known.labels[split.test], risk, bins=config.calibration_bins
        )
    return candidates, scores


def _random_score(
    known: _Examples, mature: Mask, learner: Candidate, config: ReturnRiskConfig
) -> Scores:
    """The learner's figures when time is ignored."""
    rest, judge = random_split(mature, test_share=config.test_share, seed=config.seed)
    learn, calibrate = random_split(rest, test_share=config.calibrate_share, seed=config.seed)
    fitted = fit_candidate(
        learner,
        known.features,
        known.labels,
        fit=_bounded(learn, known, config),
        calibrate=calibrate,
        config=config,
    )
    risk = fitted.probabilities(known.features[judge])
    return measure(known.labels[judge], risk, bins=config.calibration_bins)


def _fit_for_use(
    known: _Examples, mature: Mask, candidate: Candidate, config: ReturnRiskConfig
) -> Fitted:
    """The same recipe on all matured rows: the newest share calibrates, the rest fits."""
    start = share_start(
        known.decided_at[mature], config.calibrate_share, otherwise=known.decided_at.min()
    )
    return fit_candidate(
        candidate,
        known.features,
        known.labels,
        fit=_bounded(mature & (known.decided_at < start), known, config),
        calibrate=mature & (known.decided_at >= start),
        config=config,
    )
