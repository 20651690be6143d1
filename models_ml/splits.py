"""The only place that splits data into learning and judging parts.

Time goes forward in every split but one: `random_split` exists to show beside an honest score what
a careless one would have said. Nothing here looks at a label's value, only at when it was known.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

Mask = np.ndarray
"""Boolean array (n,), true where the row belongs to the part."""


@dataclass(frozen=True)
class RollingOrigin:
    """One fold of a back-test: learn up to and with `origin`, judge the days after it."""

    fold: int
    """1 is the oldest fold."""
    origin: date
    """The last day whose data may be used."""
    horizon_days: int

    @property
    def last_day(self) -> date:
        """The last judged day."""
        return self.origin + timedelta(days=self.horizon_days)


def rolling_origins(
    first_day: date, last_day: date, *, horizon_days: int, folds: int, min_train_days: int
) -> list[RollingOrigin]:
    """Origins of a rolling-origin back-test (Tashman 2000), oldest first.

    The newest judged window ends on `last_day`. Origins are `horizon_days` apart, so the windows
    don't overlap; on a short history they move closer together (and overlap), and where even that
    leaves too little there are fewer folds, down to none.

    Args:
        first_day: first day with data.
        last_day: last complete day with data.
        horizon_days: days judged after each origin, >= 1.
        folds: wanted number of folds, >= 1.
        min_train_days: least number of days to learn from, >= 1.

    Raises:
        ValueError: a count is below 1.
    """
    if min(horizon_days, folds, min_train_days) < 1:
        raise ValueError("horizon_days, folds and min_train_days must be at least 1.")
    days = (last_day - first_day).days + 1
    known = period_origins(days, horizon=horizon_days, folds=folds, least_train=min_train_days)
    return [
        RollingOrigin(number, first_day + timedelta(days=columns - 1), horizon_days)
        for number, columns in enumerate(known, start=1)
    ]


def period_origins(periods: int, *, horizon: int, folds: int, least_train: int) -> list[int]:
    """Rolling origins of a matrix: how many of its columns are known at each, oldest first.

    The newest judged window ends with the last column. Origins are a horizon apart; on a short
    history they move closer together and overlap, and where even that leaves too little there are
    fewer, down to none.

    Args:
        periods: columns of the matrix.
        horizon: periods judged after each origin, >= 1.
        folds: wanted number of origins, >= 1.
        least_train: least number of periods to learn from, >= 1.
    """
    newest = periods - horizon
    room = newest + 1 - least_train
    if room <= 0:
        return []
    count = min(folds, room)
    step = horizon if count == 1 else min(horizon, (room - 1) // (count - 1))
    return [newest - step * back for back in range(count - 1, -1, -1)]


@dataclass(frozen=True)
class ExampleSplit:
    """Rows to fit, to calibrate and to test, in order of time, as masks (n,)."""

    fit: Mask
    calibrate: Mask
    test: Mask
    calibrate_start: np.datetime64
    test_start: np.datetime64
    """The decision time: nothing known later reaches `fit` or `calibrate`."""


def label_delay(
    decided_at: np.ndarray, known_at: np.ndarray, is_positive: Mask, *, share: float = 1.0
) -> np.timedelta64:
    """The time after which the labels of a whole cohort are known, 0 without labels.

    One answer often becomes known earlier than the other (a return when it happens, a kept line
    when its window closes), so rows younger than this hold too many of it and must not be learnt
    from.

    Args:
        decided_at: datetime64 (n,).
        known_at: datetime64 (n,), NaT where unknown.
        is_positive: bool (n,).
        share: share of each answer's labels that must be known by then, 0 < share <= 1; below 1 a
            few stragglers do not hold back everything.
    """
    known = ~np.isnat(known_at)
    delay = np.timedelta64(0, "us")
    for answer in (is_positive & known, ~is_positive & known):
        waits = np.sort(known_at[answer] - decided_at[answer])
        if len(waits):
            delay = max(delay, waits[int(np.ceil(share * len(waits))) - 1])
    return delay


def mature_rows(
    decided_at: np.ndarray, known_at: np.ndarray, *, at: np.datetime64, delay: np.timedelta64
) -> Mask:
    """Rows whose label was known at a time, and whose whole cohort was.

    Args:
        decided_at: datetime64 (n,), when the prediction is made.
        known_at: datetime64 (n,), when the label became known; NaT while it is not.
        at: the time of looking.
        delay: see `label_delay`.
    """
    known = ~np.isnat(known_at) & (known_at <= at)
    whole_cohort: Mask = known & (decided_at + delay <= at)
    return whole_cohort


def split_examples(
    decided_at: np.ndarray,
    known_at: np.ndarray,
    *,
    as_of: np.datetime64,
    delay: np.timedelta64,
    test_share: float,
    calibrate_share: float,
) -> ExampleSplit:
    """Fit, calibrate and test rows in order of time, with labels known when they are used.

    `test` is the newest share of the rows mature at `as_of`. Everything before it is looked at as
    it stood at the first test row: only labels known by then, only whole cohorts; the newest share
    of those is `calibrate`, the rest `fit`. Rows decided at one instant (the lines of an order)
    are never torn apart. Rows whose label was still open at that moment are in no part.

    Args:
        decided_at: datetime64 (n,).
        known_at: datetime64 (n,), NaT where unknown.
        as_of: the present.
        delay: see `label_delay`.
        test_share: share of the mature rows, 0 < share < 1.
        calibrate_share: share of the rows before the test, 0 < share < 1.
    """
    mature = mature_rows(decided_at, known_at, at=as_of, delay=delay)
    test_start = share_start(decided_at[mature], test_share, otherwise=as_of)
    usable = mature_rows(decided_at, known_at, at=test_start, delay=delay)
    usable &= decided_at < test_start
    calibrate_start = share_start(decided_at[usable], calibrate_share, otherwise=test_start)
    return ExampleSplit(
        fit=usable & (decided_at < calibrate_start),
        calibrate=usable & (decided_at >= calibrate_start),
        test=mature & (decided_at >= test_start),
        calibrate_start=calibrate_start,
        test_start=test_start,
    )


def keep_groups_apart(split: ExampleSplit, group: np.ndarray) -> ExampleSplit:
    """The same split without the rows that would put a group into two parts.

    A group that reaches over a border belongs to one of its parts, drawn by its number, so that
    both sides keep some of those groups; its rows in the other parts are left out.

    Args:
        split: three parts of n rows.
        group: int (n,).
    """
    parts = np.full(len(group), -1)
    for number, part in enumerate((split.fit, split.calibrate, split.test)):
        parts[part] = number
    used = parts >= 0
    codes = np.unique(group, return_inverse=True)[1]
    present = np.zeros((codes.max(initial=0) + 1, 3), dtype=bool)
    present[codes[used], parts[used]] = True
    draw = np.random.default_rng(0).random(present.shape)
    home = np.where(present, draw, -1.0).argmax(axis=1)
    stays = used & (parts == home[codes])
    return replace(
        split,
        fit=split.fit & stays,
        calibrate=split.calibrate & stays,
        test=split.test & stays,
    )


def share_start(times: np.ndarray, share: float, *, otherwise: np.datetime64) -> np.datetime64:
    """The instant from which on the newest `share` of the times lie; `otherwise` when empty."""
    if len(times) == 0:
        return otherwise
    place = min(int(np.ceil(len(times) * (1.0 - share))), len(times) - 1)
    start: np.datetime64 = np.partition(times, place)[place]
    return start


def newest_rows(rows: Mask, times: np.ndarray, *, most: int) -> Mask:
    """The newest of some rows, about `most` of them: rows of one instant stay together."""
    count = int(rows.sum())
    if count <= most:
        return rows
    start = np.partition(times[rows], count - most)[count - most]
    kept: Mask = rows & (times >= start)
    return kept


def random_split(rows: Mask, *, test_share: float, seed: int) -> tuple[Mask, Mask]:
    """Learning and judging rows drawn at random from `rows`: for comparison, never for a claim."""
    places = np.flatnonzero(rows)
    shuffled = np.random.default_rng(seed).permutation(places)
    cut = round(len(places) * test_share)
    learn, judge = np.zeros_like(rows), np.zeros_like(rows)
    judge[shuffled[:cut]] = True
    learn[shuffled[cut:]] = True
    return learn, judge
