"""Alerts on counts: the normal rate, the filter of changes, and a threshold for a budget.

The threshold is set by simulation: panels without any change are drawn from the rates, weekday
effects, over-dispersion and common day effects known at that moment, with the odd days of the data
itself, and go through the same detector; the threshold is the lowest at which they raise one alert
in `series_days_per_false_alarm` series-days. It is set anew every `recalibrate_days`, always from
the past: data that come later change no score.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import pandas as pd

from models_ml.alerts.baseline import Baseline
from models_ml.alerts.changes import ChangeFilter
from models_ml.alerts.config import AlertSettings
from models_ml.alerts.panel import Panel, place_counts

ALERT_COLUMNS: Final = (
    "expected", "lower", "upper", "direction", "change", "probability", "score", "threshold",
    "is_alarm", "is_ongoing",
)  # fmt: skip
_UNSCORED: Final = -np.inf
_INTERVAL: Final = 1.2815515655446004
"""Standard normal deviate of an 80 % interval."""
_ODD: Final = 4.0
"""Standard residual from which a high day counts as odd: 1 of 32,000 normal ones does."""


@dataclass
class _Scores:
    """What the detector says of each series and day, each (S, D)."""

    expected: np.ndarray
    deviation: np.ndarray
    drop: np.ndarray
    rise: np.ndarray
    change: np.ndarray
    threshold: np.ndarray

    @classmethod
    def empty(cls, series: int, days: int) -> "_Scores":
        """Nothing said yet."""
        nothing = np.zeros((6, series, days))
        return cls(**{part.name: nothing[n] for n, part in enumerate(fields(cls))})


def detect(
    counts: pd.DataFrame,
    *,
    successes: str,
    trials: str,
    time: str,
    series: str,
    settings: AlertSettings | None = None,
) -> pd.DataFrame:
    """Days on which a series' conversion changed, judged from that day and the days before it.

    Args:
        counts: one row per series and day (or another regular step), in order of time within each
            series, without gaps; a closed day has 0 trials.
        successes: column of whole numbers, at most `trials`.
        trials: column of whole numbers.
        time: column of dates or instants.
        series: column that names the series.
        settings: what an alert is and the budget of false ones.

    Returns:
        The rows of `counts` with its columns `series`, `time`, `successes`, `trials` (as named)
        and `expected` successes with a `lower` and `upper` bound (80 %), `direction` (`drop` or
        `rise`, the likelier), `change` (relative, if there is one), `probability` of being
        changed, `score` (log odds), `threshold` (an alert is a score above), `is_alarm` (an alert
        is raised on this day) and `is_ongoing` (raised on an earlier day and not over). Days of
        the warm-up have a null score.

    Raises:
        FrameError: a column or value is missing, a series has a time twice, out of order or with
            gaps, a count is negative or no whole number, or successes exceed trials.
    """
    chosen = settings or AlertSettings()
    placed = place_counts(
        counts,
        successes=successes,
        trials=trials,
        time=time,
        series=series,
        day_type=chosen.day_type,
    )
    kept = counts[[series, time, successes, trials]].reset_index(drop=True)
    scores = _run(placed.panel, chosen, calibrated=True)
    table = _table(scores, chosen)
    at = (placed.row, placed.column)
    return kept.assign(**{name: table[name][at] for name in ALERT_COLUMNS})


def _table(scores: _Scores, settings: AlertSettings) -> dict[str, np.ndarray]:
    score = _directed(scores, settings)
    above = score > scores.threshold
    raised = _raised(above)
    with np.errstate(over="ignore"):
        probability = 1 / (1 + np.exp(-score))
    spread = _INTERVAL * scores.deviation
    return {
        "expected": scores.expected,
        "lower": np.maximum(scores.expected - spread, 0.0),
        "upper": scores.expected + spread,
        "direction": np.where(scores.drop >= scores.rise, "drop", "rise").astype(object),
        "change": scores.change,
        "probability": probability,
        "score": np.where(np.isfinite(score), score, np.nan),
        "threshold": scores.threshold,
        "is_alarm": raised,
        "is_ongoing": above & ~raised,
    }


def _directed(scores: _Scores, settings: AlertSettings) -> np.ndarray:
    if settings.direction == "both":
        both: np.ndarray = np.maximum(scores.drop, scores.rise)
        return both
    return scores.drop if settings.direction == "drop" else scores.rise


def _raised(above: np.ndarray) -> np.ndarray:
    """Days on which an alert begins (S, D)."""
    raised: np.ndarray = above.copy()
    raised[:, 1:] &= ~above[:, :-1]
    return raised


def _run(panel: Panel, settings: AlertSettings, *, calibrated: bool) -> _Scores:
    series, days = panel.trials.shape
    baseline, changes = Baseline(panel, settings), ChangeFilter(series, settings)
    made = _Scores.empty(series, days)
    threshold, odd = np.nan, _OddDays(series)
    next_calibration = settings.warm_up_days
    for day in range(days):
        if calibrated and day == next_calibration:
            threshold = _threshold(_Known(panel, baseline, day, odd), settings)
            next_calibration += settings.recalibrate_days
        done, trials = panel.successes[:, day], panel.trials[:, day]
        probability, inflation = baseline.expect(day)
        active = (baseline.seen >= settings.warm_up_days) & (trials > 0)
        changes.see(done, trials, probability, inflation, active=active)
        residual = baseline.learn(day, probability, inflation, changes.normal)
        odd.see(residual[active])
        expected = trials * probability
        made.expected[:, day] = expected
        made.deviation[:, day] = np.sqrt(expected * (1 - probability) * inflation)
        scored = zip((made.drop, made.rise), changes.scores(), strict=True)
        for kept, score in scored:
            kept[:, day] = np.where(active, score, _UNSCORED)
        made.change[:, day] = changes.size()
        made.threshold[:, day] = threshold
    return made


class _OddDays:
    """How often a day is far too high for its series: as often one is far too low by accident.

    Only high days count: low ones may be the changes that are looked for.
    """

    def __init__(self, series: int) -> None:
        self._seen = 0
        self._found: list[np.ndarray] = []
        self._series = series

    def see(self, residuals: np.ndarray) -> None:
        self._seen += len(residuals)
        self._found.append(residuals[residuals > _ODD])

    def draw(
        self, random: np.random.Generator, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which simulated days are odd, and by how many deviations, each of `shape`."""
        found = np.concatenate([*self._found, np.array([])])
        if not len(found):
            return np.zeros(shape, dtype=bool), np.zeros(shape)
        odd = random.random(shape) < 2 * len(found) / self._seen
        return odd, random.choice(found, shape) * random.choice([-1.0, 1.0], shape)


@dataclass(frozen=True)
class _Known:
    """What is known when a day begins."""

    panel: Panel
    baseline: Baseline
    day: int
    odd: _OddDays


def _threshold(known: _Known, settings: AlertSettings) -> float:
    """The lowest threshold that keeps the budget on panels like this one without changes."""
    random = np.random.default_rng([settings.seed, known.day])
    scores = []
    series = len(known.panel.trials)
    copies = -(-settings.calibration_series // series)
    blocks = [_some(random, series, settings.calibration_series) for _ in range(copies)]
    if np.count_nonzero(known.panel.trials[:, known.day - 1]) < settings.least_series:
        blocks = [np.tile(np.arange(series), copies)]
        settings = replace(settings, least_series=len(blocks[0]) + 1)
    for rows in blocks:
        drawn = _unchanged(known, rows, settings, random)
        score = _directed(_run(drawn, settings, calibrated=False), settings)
        scores.append(score[:, settings.warm_up_days :])
    rate = settings.budget_share / settings.series_days_per_false_alarm
    return threshold_for(np.concatenate(scores), rate)


def _some(random: np.random.Generator, series: int, most: int) -> np.ndarray:
    if series <= most:
        return np.arange(series)
    return np.sort(random.choice(series, most, replace=False))


def threshold_for(scores: np.ndarray, rate: float) -> float:
    """The lowest threshold at which alerts begin on at most `rate` of the scored days.

    Args:
        scores: (S, D) of unchanged series; -inf where there is none.
        rate: alerts per series-day.
    """
    previous = np.concatenate([np.full((len(scores), 1), _UNSCORED), scores[:, :-1]], axis=1)
    scored = np.isfinite(scores)
    # An alert begins on a day at every threshold from the day before's score up to its own.
    upper = np.sort(scores[scored & (scores > previous)])
    lower = np.sort(previous[scored & (scores > previous)])
    levels = np.unique(np.append(upper, 0.0))
    begun = (len(upper) - np.searchsorted(upper, levels, side="right")) - (
        len(lower) - np.searchsorted(lower, levels, side="right")
    )
    too_many = np.flatnonzero(begun > rate * max(scored.sum(), 1))
    # From the highest level downwards; below the first with too many the budget is spent.
    place = min(too_many[-1] + 1, len(levels) - 1) if len(too_many) else 0
    return float(levels[place])


def _unchanged(
    known: _Known,
    rows: np.ndarray,
    settings: AlertSettings,
    random: np.random.Generator,
) -> Panel:
    """A simulated panel (rows, days) without changes, its trials taken from the past."""
    panel, baseline, day = known.panel, known.baseline, known.day
    length = settings.warm_up_days + settings.calibration_days
    # Whole weeks back, so that every simulated day has the weekday it is taken from.
    period = max(day // 7 * 7, 1)
    past = day - period + np.arange(length) % period
    trials = panel.trials[rows][:, past]
    kinds, cycle = panel.day_type[rows][:, past], panel.cycle[past]
    factor = np.stack(
        [
            baseline.factors(int(panel.cycle[d]), panel.day_type[:, d])[rows]
            for d in past[:period][:length]
        ],
        axis=1,
    )[:, np.arange(length) % period]
    common = random.normal(0, np.sqrt(baseline.common_variance()), length)
    if settings.least_series > len(rows):
        common = np.zeros(length)
    rate = np.clip(baseline.rates()[rows, None] * factor * np.exp(common), 1e-6, 0.9995)
    size = 1 / baseline.rho()[rows, None] - 1
    probability = random.beta(rate * size, (1 - rate) * size)
    is_odd, by = known.odd.draw(random, (len(rows), length))
    deviation = np.sqrt(rate * (1 - rate) * (1 / np.maximum(trials, 1) + 1 / (size + 1)))
    probability = np.clip(np.where(is_odd, rate + by * deviation, probability), 0, 1)
    done = random.binomial(trials.astype(np.int64), probability).astype(float)
    return Panel(done, trials, cycle, kinds)
