"""Order risk: one honest evaluation for any frame, nothing later used, clear refusals."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models_ml.frames import FrameError
from models_ml.risk import Costs, RiskConfig, evaluate
from models_ml.risk.config import read_costs
from models_ml.risk.evaluate import judge
from models_ml.risk.history import CategoryHistory
from models_ml.risk.learners import calibrate_on
from models_ml.splits import keep_groups_apart, label_delay, split_examples

ROLES = {"label": "is_bad", "decided_at": "placed_at", "matured_at": "known_at"}
QUICK = RiskConfig(boosting_rounds=20, renewals=4, refit_every=3)


@pytest.fixture(scope="module")
def orders(risky_orders) -> pd.DataFrame:
    return risky_orders


@pytest.fixture(scope="module")
def judged(orders):
    return judge(orders.drop(columns="risk"), config=QUICK, cost={"fn": 5, "fp": 1}, **ROLES)


def test_report_equals_the_library_on_the_judged_rows(judged) -> None:
    report, test = judged.report, judged.split.test
    truth = judged.labels[test]
    risk = judged.fitted[report.learner].probabilities(
        judged.matrix.values[test], judged.examples.decided_at[test]
    )
    assert report.average_precision == pytest.approx(average_precision_score(truth, risk))
    assert report.auc == pytest.approx(roc_auc_score(truth, risk))
    assert report.brier == pytest.approx(brier_score_loss(truth, risk))
    assert report.base_rate == pytest.approx(truth.mean())
    looked = risk >= 1 / 6
    cost = 5 * ((truth == 1) & ~looked).mean() + ((truth == 0) & looked).mean()
    assert report.threshold == pytest.approx(1 / 6)
    assert report.expected_cost == pytest.approx(cost)
    top = np.argsort(-risk, kind="stable")[: round(len(truth) * 0.05)]
    assert report.precision_at_capacity == pytest.approx(truth[top].mean())
    bins = report.calibration
    gaps = (bins["predicted_rate"] - bins["observed_rate"]).abs() * bins["row_count"]
    assert report.ece == pytest.approx(gaps.sum() / bins["row_count"].sum())


def test_signal_is_found_beside_its_baselines(judged, orders) -> None:
    report = judged.report
    assert report.average_precision > float(report.one_column_baseline) > report.base_rate
    assert report.brier < report.brier_constant
    assert report.expected_cost < report.cost_without
    assert report.refused_columns == {}
    assert set(report.unused_columns) == {"order_no", "nothing"}
    ceiling = roc_auc_score(orders["is_bad"], orders["risk"])
    assert 0.65 < report.auc < ceiling + 0.03
    assert set(report.slices["column"]) == {"time", "channel"}
    assert report.cost_curve["mean_cost"].iloc[0] == pytest.approx(5 * report.base_rate)
    assert report.to_dict()["scores"].keys() == report.scores.keys()
    assert f"average precision {report.average_precision:.3f}" in report.summary()


def test_nothing_known_later_changes_a_score(orders) -> None:
    """What was known before the test decides its first stretch, whatever comes after."""
    frame = orders.drop(columns="risk")
    first = judge(frame, config=QUICK, **ROLES)
    start = first.split.test_start
    later = first.examples.decided_at >= start
    shuffled = frame.copy()
    place = np.flatnonzero(later)
    moved = np.random.default_rng(3).permutation(place)
    for column in ("is_bad", "shop", "channel", "金额", "is_member"):
        shuffled.loc[place, column] = frame[column].to_numpy()[moved]
    second = judge(shuffled, config=QUICK, **ROLES)
    assert second.split.test_start == start
    known = pd.to_datetime(frame["known_at"]).to_numpy() < start
    rows = known & ~later
    name = first.report.learner
    early = np.full(int(rows.sum()), start - np.timedelta64(1, "us"))
    for one in (first, second):
        assert one.report.learner == name
    before = first.fitted[name].probabilities(first.matrix.values[rows], early)
    after = second.fitted[name].probabilities(second.matrix.values[rows], early)
    np.testing.assert_array_equal(before, after)
    assert not np.array_equal(
        first.fitted[name].probabilities(first.matrix.values[rows]),
        second.fitted[name].probabilities(second.matrix.values[rows]),
    )


def test_history_equals_a_plain_walk() -> None:
    rng = np.random.default_rng(2)
    count = 300
    start = np.datetime64("2026-01-01", "us")
    decided = start + rng.integers(0, 50, count).astype("timedelta64[h]")
    known = decided + rng.integers(0, 30, count).astype("timedelta64[h]")
    known[rng.random(count) < 0.2] = np.datetime64("NaT")
    keys = np.array(["a", "b", "c", None], dtype=object)[rng.integers(0, 4, count)]
    labels = rng.integers(0, 2, count)
    found = CategoryHistory(keys, decided_at=decided, known_at=known, labels=labels).as_of(
        keys, decided
    )
    for row in range(count):
        same = np.array([key is not None and key == keys[row] for key in keys])
        earlier = same & (decided < decided[row])
        matured = same & (known < decided[row])
        assert found.rows[row] == earlier.sum()
        assert found.labels[row] == matured.sum()
        assert found.positives[row] == labels[matured].sum()
        if earlier.any():
            hours = (decided[row] - decided[earlier].max()) / np.timedelta64(1, "h")
            assert found.hours_since[row] == pytest.approx(hours)
        else:
            assert np.isnan(found.hours_since[row])


def test_unknown_keys_and_times_outside_the_history_have_an_answer() -> None:
    start = np.datetime64("2026-01-01", "us")
    history = CategoryHistory(
        np.array(["a", "a"], dtype=object),
        decided_at=np.array([start, start]),
        known_at=np.array([start, start + np.timedelta64(1, "D")]),
        labels=np.array([1, 0]),
    )
    moments = np.array(["2020-01-01", "2026-01-01T12", "2040-01-01", "2040-01-01"])
    asked = history.as_of(
        np.array(["a", "a", "a", "z"], dtype=object), moments.astype("datetime64[us]")
    )
    assert asked.rows.tolist() == [0, 2, 2, 0]
    assert asked.labels.tolist() == [0, 1, 2, 0]
    assert asked.positives.tolist() == [0, 1, 1, 0]


def test_groups_are_never_in_two_parts(orders) -> None:
    frame = orders.drop(columns="risk").assign(customer=np.arange(len(orders)) % 700)
    one = judge(frame, group="customer", config=QUICK, **ROLES)
    parts = [set(one.examples.group[part]) for part in
             (one.split.fit, one.split.calibrate, one.split.test)]  # fmt: skip
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert one.report.rows["set_aside"] > 0
    assert "customer" not in one.columns


def test_torn_groups_keep_rows_on_both_sides() -> None:
    times = np.datetime64("2026-01-01", "us") + np.arange(400).astype("timedelta64[h]")
    split = split_examples(
        times, times, as_of=times[-1], delay=np.timedelta64(0), test_share=0.5, calibrate_share=0.5
    )
    whole = keep_groups_apart(split, np.arange(400) % 40)
    sizes = [part.sum() for part in (whole.fit, whole.calibrate, whole.test)]
    assert min(sizes) > 0
    assert sum(sizes) < 250


def test_stragglers_do_not_hold_back_the_cohort() -> None:
    decided = np.full(200, np.datetime64("2026-01-01", "us"))
    known = decided + np.where(np.arange(200) == 7, 300, 5).astype("timedelta64[D]")
    is_positive = np.arange(200) % 2 == 0
    assert label_delay(decided, known, is_positive) == np.timedelta64(300, "D")
    assert label_delay(decided, known, is_positive, share=0.99) == np.timedelta64(5, "D")


def test_calibration_repairs_overconfidence_and_never_turns_the_ranking_round() -> None:
    rng = np.random.default_rng(4)
    odds = rng.normal(-2, 1, 6_000)
    labels = (rng.random(6_000) < 1 / (1 + np.exp(-odds))).astype(int)
    wrong = 1 / (1 + np.exp(-(2.5 * odds + 1)))
    repaired = calibrate_on(wrong, labels, config=RiskConfig())
    assert repaired.slope == pytest.approx(0.4, abs=0.06)
    result = repaired.apply(wrong)
    assert abs(result.mean() - labels.mean()) < 0.02
    assert (np.diff(result[np.argsort(wrong)]) >= 0).all()
    upside_down = calibrate_on(1 - wrong, labels, config=RiskConfig()).apply(1 - wrong)
    assert upside_down[wrong.argmin()] >= upside_down[wrong.argmax()]


def test_labels_that_are_open_are_not_judged(orders) -> None:
    frame = orders.drop(columns="risk").copy()
    frame["is_bad"] = frame["is_bad"].astype("Int64")
    frame.loc[frame.index[-200:], ["is_bad"]] = pd.NA
    report = evaluate(frame, config=QUICK, **ROLES)
    assert any("200 rows have no known label" in note for note in report.notes)
    assert report.window_end <= pd.Timestamp(frame["placed_at"].iloc[-201], tz="UTC") + timedelta(1)


def test_one_delay_may_stand_for_all_maturities(orders) -> None:
    frame = orders.drop(columns=["risk", "known_at"])
    report = evaluate(
        frame, label="is_bad", decided_at="placed_at", matured_at=timedelta(days=5), config=QUICK
    )
    assert report.refused_columns == {}
    assert report.notes == ()


@pytest.mark.parametrize(
    ("change", "words", "rows"),
    [
        (lambda f: f.drop(columns="is_bad"), r"lacks the column\(s\) is_bad", 0),
        (lambda f: pd.concat([f, f.head(2)]), "share their index", 4),
        (lambda f: f.assign(is_bad=0), "holds only 0", 20),
        (lambda f: f.assign(is_bad=np.where(f.index == 3, 2, f["is_bad"])), "other than 1, 0", 1),
        (
            lambda f: f.assign(placed_at=f["placed_at"].where(f.index != 5, "soon")),
            r"placed_at holds 1 value\(s\) that are no time",
            1,
        ),
        (lambda f: f.assign(placed_at=f["placed_at"].mask(f.index < 2)), r"lacks 2 time\(s\)", 2),
        (
            lambda f: f.assign(
                known_at=f["known_at"].where(f.index != 9, pd.Timestamp("2020-01-01"))
            ),
            r"label of 1 row\(s\) is known \(known_at\) before the decision",
            1,
        ),
        (lambda f: f.head(150), "matured rows to", 20),
        (lambda f: f.head(0), "has no rows", 0),
        (lambda f: f.rename(columns={"shop": "channel"}), "occur twice", 0),
    ],
)
def test_bad_frames_are_refused_in_one_sentence(orders, change, words, rows) -> None:
    with pytest.raises(FrameError, match=words) as caught:
        evaluate(change(orders.drop(columns="risk")), config=QUICK, **ROLES)
    assert str(caught.value).endswith(".")
    assert len(caught.value.rows) == rows


def test_costs_may_be_given_in_several_ways() -> None:
    assert read_costs(None) == Costs()
    assert read_costs(20).threshold == pytest.approx(1 / 21)
    assert read_costs({"fn": 8, "review": 1, "capacity": 0.1}).threshold == pytest.approx(2 / 9)
    assert read_costs(Costs(false_negative=3)) == replace(Costs(), false_negative=3)
    with pytest.raises(ValueError, match="no cost called misses"):
        read_costs({"misses": 2})
    with pytest.raises(ValueError, match="capacity 0 is no share"):
        Costs(capacity=0)
    with pytest.raises(ValueError, match="costs nothing"):
        Costs(false_negative=0)
