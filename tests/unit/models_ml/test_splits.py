"""Splits: no row is used before its label was known, and time goes forward."""

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.splits import (
    label_delay,
    mature_rows,
    newest_rows,
    random_split,
    rolling_origins,
    split_examples,
)

FIRST = date(2024, 1, 1)
HOUR = np.timedelta64(1, "h")


@given(
    days=st.integers(1, 500),
    horizon=st.integers(1, 60),
    folds=st.integers(1, 8),
    least=st.integers(1, 100),
)
def test_origins_leave_enough_to_learn_and_end_on_the_last_day(days, horizon, folds, least) -> None:
    last = FIRST + timedelta(days=days - 1)
    origins = rolling_origins(FIRST, last, horizon_days=horizon, folds=folds, min_train_days=least)
    assert len(origins) <= folds
    assert bool(origins) == (days >= horizon + least)
    for earlier, later in itertools.pairwise(origins):
        assert timedelta(0) < later.origin - earlier.origin <= timedelta(days=horizon)
        assert later.fold == earlier.fold + 1
    if origins:
        assert origins[-1].last_day == last
        assert (origins[0].origin - FIRST).days + 1 >= least
    if days >= least + horizon * folds:
        assert len(origins) == folds
        assert all(
            later.origin - earlier.origin == timedelta(days=horizon)
            for earlier, later in itertools.pairwise(origins)
        )


def test_origins_refuse_counts_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        rolling_origins(FIRST, FIRST, horizon_days=0, folds=1, min_train_days=1)


@st.composite
def examples(draw):
    count = draw(st.integers(0, 80))
    base = np.datetime64("2024-01-01", "us")
    hours = draw(st.lists(st.integers(0, 400), min_size=count, max_size=count))
    delays = draw(
        st.lists(st.one_of(st.none(), st.integers(0, 200)), min_size=count, max_size=count)
    )
    positive = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    decided = base + np.array(hours, dtype="timedelta64[h]").astype("timedelta64[us]")
    known = np.array(
        [
            np.datetime64("NaT") if delay is None else at + delay * HOUR
            for at, delay in zip(decided, delays, strict=True)
        ],
        dtype="datetime64[us]",
    )
    return decided, known, np.array(positive, dtype=bool), base + draw(st.integers(0, 700)) * HOUR


@given(examples())
def test_parts_are_disjoint_ordered_and_known_in_time(world) -> None:
    decided, known, positive, as_of = world
    delay = label_delay(decided, known, positive)
    split = split_examples(
        decided, known, as_of=as_of, delay=delay, test_share=0.25, calibrate_share=0.3
    )
    parts = (split.fit, split.calibrate, split.test)
    assert not (sum(part.astype(int) for part in parts) > 1).any()
    for earlier, later in ((split.fit, split.calibrate), (split.calibrate, split.test)):
        if earlier.any() and later.any():
            assert decided[earlier].max() < decided[later].min()
    learnt = split.fit | split.calibrate
    assert (known[learnt] <= split.test_start).all()
    assert (decided[learnt] + delay <= split.test_start).all()
    assert (known[split.test] <= as_of).all()


@given(examples())
def test_what_happens_after_the_present_changes_no_part(world) -> None:
    decided, known, positive, as_of = world
    shifted = np.where(known > as_of, known + np.timedelta64(3, "D"), known)
    unknown = np.where(known > as_of, np.datetime64("NaT"), known)
    delay = label_delay(decided, unknown, positive)
    settings = {"as_of": as_of, "delay": delay, "test_share": 0.2, "calibrate_share": 0.2}
    first = split_examples(decided, known, **settings)
    second = split_examples(decided, shifted, **settings)
    for part in ("fit", "calibrate", "test"):
        assert (getattr(first, part) == getattr(second, part)).all()


def test_young_cohort_is_left_out_even_where_its_positives_are_known() -> None:
    decided = np.array(["2024-01-01", "2024-01-10", "2024-01-10"], dtype="datetime64[us]")
    known = np.array(["2024-01-15", "2024-01-11", "2024-01-24"], dtype="datetime64[us]")
    delay = label_delay(decided, known, np.array([False, True, False]))
    assert delay == np.timedelta64(14, "D")
    mature = mature_rows(decided, known, at=np.datetime64("2024-01-16", "us"), delay=delay)
    assert mature.tolist() == [True, False, False]


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(1, 40))
def test_newest_rows_are_the_newest(hours, most) -> None:
    times = np.datetime64("2024-01-01", "us") + np.array(hours, dtype="timedelta64[h]")
    kept = newest_rows(np.ones(len(times), dtype=bool), times, most=most)
    assert kept.sum() >= min(most, len(times))
    if kept.any() and not kept.all():
        assert times[~kept].max() < times[kept].min()


def test_random_split_is_seeded_and_stays_inside_the_rows() -> None:
    rows = np.array([True, False] * 50)
    learn, judge = random_split(rows, test_share=0.2, seed=1)
    again = random_split(rows, test_share=0.2, seed=1)
    assert judge.sum() == 10
    assert (learn | judge).tolist() == rows.tolist()
    assert not (learn & judge).any()
    assert (again[1] == judge).all()
