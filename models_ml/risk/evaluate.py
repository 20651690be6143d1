"""`evaluate`: does anything in this frame foretell the label, honestly, and is it worth acting on?

Order of work: check the frame -> refuse leaks -> split by time and group -> choose the learner on
the newest part of the rows to fit -> fit, calibrate and test every candidate -> report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from models_ml.drift import as_table, drift_row
from models_ml.evaluations import Scores, measure, promote
from models_ml.frames import as_instant, require_columns
from models_ml.risk.columns import Column, as_text, as_times, describe_columns
from models_ml.risk.config import Costs, RiskConfig, read_costs
from models_ml.risk.examples import (
    Examples,
    NotEnoughRowsError,
    read_availability,
    read_examples,
)
from models_ml.risk.features import FeatureBuilder, Matrix, usable_columns
from models_ml.risk.gate import refuse_columns
from models_ml.risk.learners import (
    BASE_RATE,
    ONE_COLUMN,
    Fitted,
    choose_learner,
    choose_one_column,
    fit_candidate,
)
from models_ml.risk.renewal import cohort_delay, renew
from models_ml.risk.report import (
    OneColumnBaseline,
    Report,
    calibration_table,
    cost_curve,
    cost_without_model,
    mean_cost,
    precision_and_recall_at,
    slice_table,
)
from models_ml.splits import (
    ExampleSplit,
    Mask,
    keep_groups_apart,
    mature_rows,
    newest_rows,
    random_split,
    share_start,
    split_examples,
)


@dataclass(frozen=True)
class Judged:
    """What was fitted on the way to a report; for those who go on to use the model."""

    report: Report
    config: RiskConfig
    costs: Costs
    present: np.datetime64
    """The latest time that was looked at."""
    examples: Examples
    columns: dict[str, Column]
    builder: FeatureBuilder
    matrix: Matrix
    labels: np.ndarray
    mature: Mask
    split: ExampleSplit
    fitted: dict[str, Fitted]
    """Candidate -> as fitted before the test."""


def evaluate(
    frame: pd.DataFrame,
    *,
    label: str,
    decided_at: str,
    matured_at: str | timedelta | None = None,
    group: str | None = None,
    available_at: Mapping[str, object] | None = None,
    cost: Costs | Mapping[str, float] | float | None = None,
    config: RiskConfig | None = None,
    as_of: datetime | None = None,
) -> Report:
    """Judge how well the label of an order can be foretold when it is decided on.

    Args:
        frame: one row a decision, unique index. Every column that is not named below may become a
            feature: numbers, text, times, mixed and missing values.
        label: column with 1 / 0 (or yes / no, true / false); missing where it is not known yet.
        decided_at: column with the time of the decision; naive times are taken as UTC.
        matured_at: column with the time at which the label became known, or one delay for all
            rows. Without it labels count as known at once, which flatters features of history.
        group: column that must not be torn apart (the order of a line, a customer): no value is
            both learnt from and judged. It is not a feature.
        available_at: column -> when its values are known: the name of a column of times, a delay
            after the decision, a moment, or None for "known when decided". Columns declared to be
            known later are refused; undeclared ones are examined.
        cost: what mistakes cost: `Costs`, a mapping with its names (false_negative,
            false_positive, review, capacity), or the price of a missed event in false alarms.
        config: settings.
        as_of: the present: rows decided later and labels known later are not looked at. The latest
            time in the frame when None; a naive time is taken as UTC.

    Returns:
        Figures of the newest rows with base rate, one-column baseline and random split beside
        them, refused columns with reasons, calibration, slices and the cost curve.

    Raises:
        FrameError: a bad frame, in one sentence with the offending rows in `rows`.
        ValueError: costs that make no sense.
    """
    return judge(
        frame,
        label=label,
        decided_at=decided_at,
        matured_at=matured_at,
        group=group,
        available_at=available_at,
        cost=cost,
        config=config,
        as_of=as_of,
    ).report


def judge(
    frame: pd.DataFrame,
    *,
    label: str,
    decided_at: str,
    matured_at: str | timedelta | None = None,
    group: str | None = None,
    available_at: Mapping[str, object] | None = None,
    cost: Costs | Mapping[str, float] | float | None = None,
    config: RiskConfig | None = None,
    as_of: datetime | None = None,
) -> Judged:
    """As `evaluate`, with everything that was fitted on the way."""
    settings = config or RiskConfig()
    costs = read_costs(cost)
    declared = dict(available_at or {})
    require_columns(frame, declared, name="frame")
    if as_of is not None:
        require_columns(frame, [decided_at], name="frame")
        # A row without a time stays, to be refused with a sentence of its own.
        was_decided = ~(as_times(frame[decided_at]) > as_instant(as_of))
        frame, declared = frame[was_decided], _cut(declared, was_decided)
    examples = read_examples(
        frame, label=label, decided_at=decided_at, matured_at=matured_at, group=group
    )
    present = _latest(examples) if as_of is None else as_instant(as_of)
    examples = examples.known_by(present)
    columns = describe_columns(examples.frame, reserved=(), most_levels=settings.most_levels)
    refused = _refuse(
        frame, examples, columns, declared=declared, decided_at=decided_at, config=settings
    )
    usable, unused = usable_columns(columns, refused)
    mature, split, set_aside = _split(examples, present, settings)
    split = replace(
        split, fit=newest_rows(split.fit, examples.decided_at, most=settings.most_fit_rows)
    )
    labels = np.maximum(examples.labels, 0).astype(np.int64)
    _require_both_answers(split, labels, settings, frame)
    builder = FeatureBuilder(examples, usable, fit=split.fit, config=settings)
    matrix = builder.build(examples.frame, examples.decided_at)
    fitted = _fit_candidates(matrix, labels, examples.decided_at, split, settings)
    fitted = {
        name: renew(one, matrix, labels, examples=examples, split=split, config=settings)
        for name, one in fitted.items()
    }
    careless = _random_scores(matrix, labels, mature, list(fitted)[-1], settings)
    report = _report(
        examples,
        matrix,
        labels,
        split,
        fitted=fitted,
        columns=usable,
        random_scores=careless,
        costs=costs,
        config=settings,
    )
    report = replace(
        report,
        refused_columns=refused,
        unused_columns=unused,
        drift=_drift(
            examples, matrix, split, fitted[report.kept], present=present, config=settings
        ),
        rows={**report.rows, "set_aside": set_aside},
        notes=_notes(examples, matured_at, set_aside, usable),
    )
    return Judged(
        report=report,
        config=settings,
        costs=costs,
        present=present,
        examples=examples,
        columns=usable,
        builder=builder,
        matrix=matrix,
        labels=labels,
        mature=mature,
        split=split,
        fitted=fitted,
    )


def _cut(declared: Mapping[str, object], rows: Mask) -> dict[str, object]:
    """Declarations without the rows that are not looked at; a Series follows its index."""
    return {
        name: np.asarray(when)[rows] if isinstance(when, (np.ndarray, pd.DatetimeIndex)) else when
        for name, when in declared.items()
    }


def _latest(examples: Examples) -> np.datetime64:
    """The latest time of a decision or of a known label."""
    known = examples.known_at[examples.is_labelled]
    latest: np.datetime64 = np.concatenate([examples.decided_at, known]).max()
    return latest


def _refuse(
    frame: pd.DataFrame,
    examples: Examples,
    columns: Mapping[str, Column],
    *,
    declared: Mapping[str, object],
    decided_at: str,
    config: RiskConfig,
) -> dict[str, str]:
    """The gate's verdict; declared times are read from the caller's frame, in its order."""
    in_order = _sorted_like(frame, decided_at)
    availability = {}
    for name, when in declared.items():
        in_line = when
        if isinstance(when, pd.Series):
            in_line = when.reindex(frame.index).iloc[in_order]
        elif isinstance(when, (np.ndarray, pd.DatetimeIndex)):
            in_line = np.asarray(when)[in_order]
        availability[name] = read_availability(
            frame.iloc[in_order], name, in_line, examples.decided_at
        )
    return refuse_columns(examples, columns, availability=availability, config=config.gate)


def _sorted_like(frame: pd.DataFrame, decided_at: str) -> np.ndarray:
    return np.argsort(as_times(frame[decided_at]), kind="stable")


def _split(
    examples: Examples, present: np.datetime64, config: RiskConfig
) -> tuple[Mask, ExampleSplit, int]:
    """Mature rows, the three parts, and how many rows were set aside to keep groups whole."""
    known_at = examples.known_at
    delay = cohort_delay(examples, config)
    mature = mature_rows(examples.decided_at, known_at, at=present, delay=delay)
    split = split_examples(
        examples.decided_at,
        known_at,
        as_of=present,
        delay=delay,
        test_share=config.test_share,
        calibrate_share=config.calibrate_share,
    )
    whole = keep_groups_apart(split, examples.group)
    before = sum(int(part.sum()) for part in (split.fit, split.calibrate, split.test))
    after = sum(int(part.sum()) for part in (whole.fit, whole.calibrate, whole.test))
    return mature, whole, before - after


def _require_both_answers(
    split: ExampleSplit, labels: np.ndarray, config: RiskConfig, frame: pd.DataFrame
) -> None:
    """Refuse a frame whose parts can't carry a figure.

    Raises:
        NotEnoughRowsError: which part lacks what.
    """
    for part, name in (("fit", "learn from"), ("calibrate", "calibrate on"), ("test", "test on")):
        lack = lacking(labels[getattr(split, part)], name, config)
        if lack:
            raise NotEnoughRowsError(lack, frame)


def lacking(values: np.ndarray, purpose: str, config: RiskConfig) -> str:
    """A sentence about what a part of the rows lacks, empty when nothing."""
    if len(values) < config.least_rows:
        return (
            f"There are {len(values)} matured rows to {purpose}, but {config.least_rows} are "
            "needed; pass more history."
        )
    rarer = min(int(values.sum()), int((1 - values).sum()))
    if rarer < config.least_class_rows:
        kind = 1 if values.mean() < 0.5 else 0
        return (
            f"There are {rarer} rows with label {kind} to {purpose}, but "
            f"{config.least_class_rows} are needed to tell them from the others; "
            "pass more history."
        )
    return ""


def _fit_candidates(
    matrix: Matrix,
    labels: np.ndarray,
    decided_at: np.ndarray,
    split: ExampleSplit,
    config: RiskConfig,
) -> dict[str, Fitted]:
    """The candidates from the simplest to the learner, fitted and calibrated before the test."""
    start = share_start(
        decided_at[split.fit], config.validation_share, otherwise=split.calibrate_start
    )
    learn, validate = split.fit & (decided_at < start), split.fit & (decided_at >= start)
    names = [BASE_RATE]
    if matrix.names:
        column = choose_one_column(matrix, labels, learn=learn, validate=validate, config=config)
        names += [column] if column else []
        names.append(choose_learner(matrix, labels, learn=learn, validate=validate, config=config))
    return {
        name: fit_candidate(
            name, matrix, labels, fit=split.fit, calibrate=split.calibrate, config=config
        )
        for name in names
    }


def _random_scores(
    matrix: Matrix, labels: np.ndarray, mature: Mask, learner: str, config: RiskConfig
) -> Scores:
    """The learner's figures when time is ignored."""
    rest, judged = random_split(mature, test_share=config.test_share, seed=config.seed)
    learn, calibrate = random_split(rest, test_share=config.calibrate_share, seed=config.seed)
    fitted = fit_candidate(learner, matrix, labels, fit=learn, calibrate=calibrate, config=config)
    risk = fitted.probabilities(matrix.values[judged])
    return measure(labels[judged], risk, bins=config.calibration_bins)


def _report(
    examples: Examples,
    matrix: Matrix,
    labels: np.ndarray,
    split: ExampleSplit,
    *,
    fitted: Mapping[str, Fitted],
    columns: Mapping[str, Column],
    random_scores: Scores,
    costs: Costs,
    config: RiskConfig,
) -> Report:
    truth = labels[split.test]
    times = examples.decided_at[split.test]
    risks = {
        name: one.probabilities(matrix.values[split.test], times) for name, one in fitted.items()
    }
    bins = config.calibration_bins
    scores = {name: measure(truth, risk, bins=bins) for name, risk in risks.items()}
    learner = list(fitted)[-1]
    risk, ours = risks[learner], scores[learner]
    precision, recall = precision_and_recall_at(truth, risk, share=costs.capacity)
    return Report(
        average_precision=ours.average_precision,
        auc=ours.roc_auc,
        brier=ours.brier,
        brier_constant=scores[BASE_RATE].brier,
        ece=ours.ece,
        base_rate=float(truth.mean()),
        precision_at_capacity=precision,
        recall_at_capacity=recall,
        expected_cost=mean_cost(truth, risk >= costs.threshold, costs),
        cost_without=cost_without_model(truth, costs),
        threshold=costs.threshold,
        one_column_baseline=_one_column(scores),
        random_split=random_scores,
        refused_columns={},
        unused_columns={},
        learner=learner,
        kept=promote(scores, margin=config.promotion_margin),
        calibration_method=fitted[learner].calibration.method,
        scores=scores,
        calibration=calibration_table(truth, risk, bins=bins),
        slices=slice_table(
            truth,
            risk,
            _slices(examples, columns, split.test),
            least_rows=config.least_rows,
            bins=bins,
        ),
        cost_curve=cost_curve(truth, risk, costs),
        drift=as_table([]),
        rows={
            "fit": int(split.fit.sum()),
            "calibrate": int(split.calibrate.sum()),
            "test": int(split.test.sum()),
        },
        window_start=pd.Timestamp(times.min(), tz="UTC"),
        window_end=pd.Timestamp(times.max(), tz="UTC") + pd.Timedelta(1, "us"),
        costs=costs,
        notes=(),
    )


SCORE = "score"


def _drift(
    examples: Examples,
    matrix: Matrix,
    split: ExampleSplit,
    fitted: Fitted,
    *,
    present: np.datetime64,
    config: RiskConfig,
) -> pd.DataFrame:
    """How far what the newest rows look like has moved from what was learnt from.

    Columns as they are given: counts of earlier rows and the calendar move with time by themselves.
    The score is compared with that of rows it was not fitted on, by the model before the test.
    """
    days = np.timedelta64(round(config.drift_days * 86_400), "s")
    current = (examples.decided_at > present - days) & ~split.fit & ~split.calibrate
    count = len(np.unique(examples.group[current]))
    if count < config.least_rows:
        return as_table([])
    learnt = (len(np.unique(examples.group[split.fit])), count)
    rows = [
        drift_row(
            name,
            matrix.values[split.fit, place],
            matrix.values[current, place],
            groups=learnt,
            is_category=bool(matrix.is_category[place]),
        )
        for place, name in enumerate(matrix.names)
        if ":" not in name
    ]
    first = fitted.earlier[0][1] if fitted.earlier else fitted
    rows.append(
        drift_row(
            SCORE,
            first.probabilities(matrix.values[split.calibrate]),
            first.probabilities(matrix.values[current]),
            groups=(len(np.unique(examples.group[split.calibrate])), count),
        )
    )
    return as_table(rows)


def _one_column(scores: Mapping[str, Scores]) -> OneColumnBaseline | None:
    for name, one in scores.items():
        if name.startswith(f"{ONE_COLUMN}:"):
            column = name.split(":", 1)[1]
            return OneColumnBaseline(column, one.average_precision, one.roc_auc, one.brier)
    return None


def _slices(
    examples: Examples, columns: Mapping[str, Column], test: Mask
) -> list[tuple[str, np.ndarray]]:
    """Quarters of the test in order of time, and every category's levels."""
    count = int(test.sum())
    quarters = np.arange(count) * 4 // max(count, 1) + 1
    times = np.array([f"quarter {number}" for number in quarters], dtype=object)
    result = [("time", times)]
    for name, column in columns.items():
        if column.kind == "category":
            texts = as_text(examples.frame.loc[test, name])
            result.append((name, np.where(texts == None, "(missing)", texts)))  # noqa: E711
    return result


def _notes(
    examples: Examples,
    matured_at: object,
    set_aside: int,
    columns: Mapping[str, Column],
) -> tuple[str, ...]:
    notes = []
    if matured_at is None:
        notes.append(
            "No time of maturity was given: labels count as known at the decision, which flatters "
            "earlier rates."
        )
    unlabelled = int((~examples.is_labelled).sum())
    if unlabelled:
        notes.append(f"{unlabelled:,} rows have no known label and were not judged.")
    if set_aside:
        notes.append(f"{set_aside:,} rows were set aside so that no group is in two parts.")
    if not columns:
        notes.append("No column is left to learn from; the figures are those of the base rate.")
    return tuple(notes)
