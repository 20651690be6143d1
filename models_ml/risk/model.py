"""`train`: the model that the evaluation lets take over, ready to score orders.

Order of work: judge on the newest matured rows -> keep the candidate that the rule of promotion
names -> fit that one again on all matured rows. Nothing known after `as_of` is looked at, and a row
is scored from what was known when it was decided, as the rows were that the model was fitted on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, as_instant, require_columns
from models_ml.risk.columns import as_times
from models_ml.risk.config import Costs, Phrase, RiskConfig
from models_ml.risk.evaluate import Judged, judge
from models_ml.risk.examples import NotEnoughRowsError
from models_ml.risk.features import FeatureBuilder
from models_ml.risk.learners import BASE_RATE, Fitted, fit_candidate
from models_ml.risk.reasons import BASE_RATE_ONLY, NO_RAISED_RISK, Explainer, make_explainer
from models_ml.risk.renewal import cohort_delay
from models_ml.risk.report import Report
from models_ml.splits import ExampleSplit, keep_groups_apart, newest_rows, share_start
from models_ml.versions import model_version

SCORE_COLUMNS = (
    "probability",
    "is_above_threshold",
    "reason_codes",
    "reasons_en",
    "reasons_zh",
    "model_version",
    "scored_at",
)
CHALLENGER = "challenger_probability"


@dataclass(frozen=True)
class NotEnoughData:
    """No model could be trained; `reason` is a sentence for the person who looks."""

    reason: str


@dataclass(frozen=True)
class RiskModel:
    """A model that may score rows, with the report that let it."""

    fitted: Fitted
    builder: FeatureBuilder
    explainer: Explainer
    report: Report
    config: RiskConfig
    costs: Costs
    decided_at: str
    """Name of the column with the time of the decision."""
    trained_as_of: np.datetime64
    """Nothing known later was looked at."""
    base_rate: float
    """Share of positives among the matured rows, 0..1."""
    model_version: str
    challenger: Fitted | None
    """The strongest candidate that is not in use, fitted on the same rows: it runs in shadow."""
    recent: pd.DataFrame
    """A row a decision since the test began whose answer is known, with what would have been
    foretold at the time: group, decided_at, known_at, label, probability, challenger_probability.
    Rows that were decided before the first test row are not in it, whenever they were answered."""
    recent_from: np.datetime64
    """From here on `recent` holds nearly all rows that were answered."""

    def score(
        self,
        frame: pd.DataFrame,
        *,
        scored_at: datetime,
        reasons: int | None = None,
        with_challenger: bool = False,
    ) -> pd.DataFrame:
        """Probability of the event for each row, and why it is above the average.

        Args:
            frame: rows with the columns that the model was trained on, any order, no label needed.
                History (earlier rows and rates of a customer, an article) is what the training
                frame said of it before the row's own decision.
            scored_at: written into every row; not before the time the model was trained as of.
            reasons: reasons a row at most, `config.reasons` when None; 0 saves the time they take.
            with_challenger: add a column `challenger_probability`, missing without a challenger.

        Returns:
            A row a row with the frame's index and SCORE_COLUMNS. `is_above_threshold` says that a
            look costs less than letting the row pass; rows up to the base rate, and all rows where
            the base rate is in use, have no reasons beyond a code that says so.

        Raises:
            FrameError: a missing column, a time of decision that is missing or after `scored_at`.
            ValueError: the model knows what became known after `scored_at`.
        """
        moment = as_instant(scored_at)
        if moment < self.trained_as_of:
            raise ValueError(
                f"The model {self.model_version} knows what was known at {self.trained_as_of} UTC, "
                f"which is after {moment} UTC; train one with as_of at that time."
            )
        require_columns(frame, [self.decided_at, *self.builder.columns], name="frame")
        shadow = (CHALLENGER,) if with_challenger else ()
        if frame.empty:
            return pd.DataFrame(columns=[*SCORE_COLUMNS, *shadow], index=frame.index)
        decided_at = self._decision_times(frame, moment)
        matrix = self.builder.build(frame, decided_at)
        risk = self.fitted.probabilities(matrix.values)
        most = self.config.reasons if reasons is None else reasons
        columns = {
            "probability": risk,
            "is_above_threshold": risk >= self.costs.threshold,
            **self._reasons(frame, matrix.values, risk, most),
            "model_version": self.model_version,
            "scored_at": pd.Timestamp(moment, tz="UTC"),
        }
        if with_challenger:
            columns[CHALLENGER] = _probabilities(self.challenger, matrix.values)
        return pd.DataFrame(columns, index=frame.index)

    def _decision_times(self, frame: pd.DataFrame, moment: np.datetime64) -> np.ndarray:
        decided_at = as_times(frame[self.decided_at])
        unusable = ~(decided_at <= moment)
        if unusable.any():
            raise FrameError(
                f"{int(unusable.sum())} row(s) have no {self.decided_at} or one after the time of "
                f"scoring, {moment} UTC; score them when they are decided.",
                frame[unusable],
            )
        return decided_at

    def _reasons(
        self, frame: pd.DataFrame, values: np.ndarray, risk: np.ndarray, most: int
    ) -> dict[str, np.ndarray]:
        default = BASE_RATE_ONLY if self.fitted.name == BASE_RATE else NO_RAISED_RISK
        result = _same_reason(default, len(frame))
        is_raised = risk > self.base_rate
        if self.fitted.name != BASE_RATE and most > 0 and is_raised.any():
            found = self.explainer.explain(
                self.fitted.model, values[is_raised], frame[is_raised], most=most
            )
            for name, words in found.items():
                result[name][is_raised] = words
        return result


def train(
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
    name: str = "risk",
) -> RiskModel | NotEnoughData:
    """Judge as `evaluate` does and fit what it keeps on all rows matured at `as_of`.

    Args:
        frame: see `evaluate`; rows whose label is open are history and nothing else.
        label: see `evaluate`.
        decided_at: see `evaluate`.
        matured_at: see `evaluate`.
        group: see `evaluate`.
        available_at: see `evaluate`.
        cost: see `evaluate`; the threshold of the scores follows from it.
        config: settings.
        as_of: the present; the latest time in the frame when None.
        name: first part of the model's version.

    Returns:
        The model with its report, or `NotEnoughData` where there are too few matured rows or only
        one kind of answer.

    Raises:
        FrameError: a bad frame, in one sentence with the offending rows in `rows`.
        ValueError: costs that make no sense.
    """
    try:
        judged = judge(
            frame,
            label=label,
            decided_at=decided_at,
            matured_at=matured_at,
            group=group,
            available_at=available_at,
            cost=cost,
            config=config,
            as_of=as_of,
        )
    except NotEnoughRowsError as lack:
        return NotEnoughData(str(lack))
    recipe = _Recipe(label, decided_at, tuple(judged.columns), judged.costs, judged.config)
    return _fit_for_use(judged, recipe, name=name)


@dataclass(frozen=True)
class _Recipe:
    """All that a model's version stands for beside its data."""

    label: str
    decided_at: str
    columns: tuple[str, ...]
    costs: Costs
    config: RiskConfig


def _fit_for_use(judged: Judged, recipe: _Recipe, *, name: str) -> RiskModel:
    """The kept candidate on all matured rows: the newest share calibrates, the rest fits."""
    examples, mature, config = judged.examples, judged.mature, judged.config
    split = _last_split(judged)
    builder = FeatureBuilder(examples, judged.columns, fit=split.fit, config=config)
    matrix = builder.build(examples.frame, examples.decided_at)
    shadow = strongest_other(judged.report)
    fitted, *challengers = (
        fit_candidate(
            candidate,
            matrix,
            judged.labels,
            fit=split.fit,
            calibrate=split.calibrate,
            config=config,
        )
        for candidate in (judged.report.kept, shadow)
        if candidate is not None
    )
    version = model_version(
        name,
        recipe,
        window_start=pd.Timestamp(examples.decided_at.min()).date(),
        window_end=pd.Timestamp(judged.present).date(),
    )
    return RiskModel(
        fitted=fitted,
        builder=builder,
        explainer=make_explainer(matrix.rows(mature), judged.columns, config=config),
        report=judged.report,
        config=config,
        costs=judged.costs,
        decided_at=recipe.decided_at,
        trained_as_of=judged.present,
        base_rate=float(judged.labels[mature].mean()),
        model_version=version,
        challenger=challengers[0] if challengers else None,
        recent=_recent(judged, shadow),
        recent_from=judged.split.test_start + cohort_delay(examples, config),
    )


def strongest_other(report: Report) -> str | None:
    """The candidate that is not in use with the highest average precision, the more able in a tie.

    Returns:
        None where the base rate is all there is.
    """
    others = [name for name in reversed(report.scores) if name != report.kept]
    return max(others, key=lambda name: report.scores[name].average_precision, default=None)


def _recent(judged: Judged, shadow: str | None) -> pd.DataFrame:
    """What was foretold since the test began, each row by what was in use when it was decided."""
    examples = judged.examples
    rows = (examples.decided_at >= judged.split.test_start) & examples.is_labelled
    values, times = judged.matrix.values[rows], examples.decided_at[rows]
    challenger = None if shadow is None else judged.fitted[shadow]
    return pd.DataFrame(
        {
            "group": examples.group[rows],
            "decided_at": times,
            "known_at": examples.known_at[rows],
            "label": examples.labels[rows],
            "probability": judged.fitted[judged.report.kept].probabilities(values, times),
            CHALLENGER: _probabilities(challenger, values, times),
        }
    )


def _probabilities(
    fitted: Fitted | None, values: np.ndarray, decided_at: np.ndarray | None = None
) -> np.ndarray:
    if fitted is None:
        return np.full(len(values), np.nan)
    return fitted.probabilities(values, decided_at)


def _last_split(judged: Judged) -> ExampleSplit:
    """Rows to fit and to calibrate up to the present, no group in both; nothing left to test."""
    decided_at, mature, config = judged.examples.decided_at, judged.mature, judged.config
    start = share_start(decided_at[mature], config.calibrate_share, otherwise=judged.present)
    split = ExampleSplit(
        fit=newest_rows(mature & (decided_at < start), decided_at, most=config.most_fit_rows),
        calibrate=mature & (decided_at >= start),
        test=np.zeros_like(mature),
        calibrate_start=start,
        test_start=judged.present,
    )
    return keep_groups_apart(split, judged.examples.group)


def _same_reason(phrase: Phrase, count: int) -> dict[str, np.ndarray]:
    words = {"reason_codes": phrase.code, "reasons_en": phrase.en, "reasons_zh": phrase.zh}
    return {name: np.full(count, text, dtype=object) for name, text in words.items()}
