"""Alerts: the budget of false alarms, no look ahead, robust to the past, the cause of a change."""

import numpy as np
import pandas as pd
import pytest

from models_ml.alerts import AlertSettings, detect, explain_change
from models_ml.alerts.detection import threshold_for
from models_ml.frames import FrameError
from tests.benchmarks.alerts import frame, panel, planted_cause

NAMES = {"successes": "orders", "trials": "visits", "time": "day", "series": "series"}
QUICK = AlertSettings(calibration_days=60, calibration_series=60, recalibrate_days=120)


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return frame(panel(3, drop=0.0, series=40, days=150))


def test_false_alarms_keep_the_budget_on_a_panel_without_changes(clean: pd.DataFrame) -> None:
    found = detect(clean, **NAMES, settings=QUICK)

    judged = found["score"].notna()
    alarms = int(found["is_alarm"].sum())
    expected = judged.sum() / QUICK.series_days_per_false_alarm
    assert judged.sum() == 40 * (150 - QUICK.warm_up_days)
    assert 0.3 * expected < alarms < 1.7 * expected


def test_a_halved_conversion_is_an_alert_at_once_and_only_raised_once(clean: pd.DataFrame) -> None:
    rows = (clean["series"] == "series-007") & (clean["day"] >= "2025-05-01")
    rows &= clean["day"] < "2025-05-08"
    broken = clean.assign(orders=clean["orders"].where(~rows, clean["orders"] // 2))

    found = detect(broken, **NAMES, settings=QUICK)[rows]

    assert found["is_alarm"].sum() == 1
    assert found["is_alarm"].to_numpy()[:3].any()
    assert found["is_ongoing"].to_numpy()[-1]
    assert found["change"].to_numpy()[-1] == pytest.approx(-0.5, abs=0.15)
    assert (found["direction"] == "drop").all()


def test_later_days_change_no_score(clean: pd.DataFrame) -> None:
    past = clean[clean["day"] < "2025-04-01"]
    doubled = clean.assign(visits=clean["visits"] * 2)
    future = pd.concat([past, doubled[doubled["day"] >= "2025-04-01"]], ignore_index=True)
    future = future.sort_values(["series", "day"], ignore_index=True)

    alone = detect(past, **NAMES, settings=QUICK)
    within = detect(future, **NAMES, settings=QUICK)

    known = within[within["day"] < "2025-04-01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, alone.reset_index(drop=True))


def test_an_odd_week_long_ago_does_not_hide_todays_drop() -> None:
    drawn = frame(panel(5, drop=0.0, series=12, days=120))
    rows = (drawn["series"] == "series-003") & (drawn["day"] >= "2025-02-15")
    odd = rows & (drawn["day"] < "2025-02-22")
    today = rows & (drawn["day"] >= "2025-04-20")
    orders = drawn["orders"].mask(odd, drawn["visits"]).mask(today, drawn["orders"] // 2)

    found = detect(drawn.assign(orders=orders), **NAMES, settings=QUICK)[today]

    assert (found["is_alarm"] | found["is_ongoing"]).any()


def test_what_promotions_always_do_is_expected_of_the_next() -> None:
    random = np.random.default_rng(2)
    days = pd.date_range("2025-01-01", periods=150)
    promoted = random.random(150) < 0.15
    visits = np.full(150, 2000)
    orders = random.binomial(visits, np.where(promoted, 0.16, 0.10))
    counts = pd.DataFrame(
        {
            "series": "web", "day": days, "visits": visits, "orders": orders,
            "kind": np.where(promoted, "promotion", None),
        }
    )  # fmt: skip

    def judged(day_type: str) -> pd.DataFrame:
        settings = AlertSettings(
            direction="rise", day_type=day_type, calibration_days=60, calibration_series=40
        )
        found = detect(counts, **NAMES, settings=settings)
        return found[promoted & (days >= "2025-04-01")]

    assert judged("kind")["expected"].mean() == pytest.approx(320, rel=0.1)
    assert judged("kind")["upper"].mean() < 450
    assert not judged("kind")["is_alarm"].any()


def test_closed_days_and_late_series_have_no_alert() -> None:
    drawn = frame(panel(6, drop=0.0, series=10, days=100))
    late = (drawn["series"] == "series-002") & (drawn["day"] < "2025-03-01")
    closed = drawn["day"] == "2025-03-15"
    counts = drawn.assign(
        visits=drawn["visits"].mask(closed, 0), orders=drawn["orders"].mask(closed, 0)
    )[~late]

    found = detect(counts, **NAMES, settings=QUICK)

    assert found.loc[closed[~late].to_numpy(), "score"].isna().all()
    begun = found[(found["series"] == "series-002") & found["score"].notna()]
    assert begun["day"].min() >= pd.Timestamp("2025-03-29")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="visits"), "lacks the column"),
        (lambda f: pd.concat([f, f.head(1)]), "share their series, day"),
        (lambda f: f.assign(orders=f["visits"] + 1), "more orders than visits"),
        (lambda f: f.assign(orders=-1), "negative count"),
        (lambda f: f.assign(orders=0.5), "no whole number"),
        (lambda f: f.iloc[::-1], "sort it by day"),
        (lambda f: f.drop(index=5), "left out"),
        (lambda f: f.assign(visits=f["visits"].astype(float).mask(f.index == 3)), "without visits"),
    ],
)
def test_a_bad_frame_is_refused_with_its_rows(clean: pd.DataFrame, change, said: str) -> None:
    with pytest.raises(FrameError, match=said) as raised:
        detect(change(clean.head(150)), **NAMES)
    assert said == "lacks the column" or len(raised.value.rows)


def test_threshold_is_the_lowest_that_keeps_the_rate() -> None:
    random = np.random.default_rng(1)
    scores = np.cumsum(random.normal(size=(7, 80)), axis=1)

    def begun(level: float) -> float:
        above = scores > level
        return float((above[:, 1:] & ~above[:, :-1]).sum() + above[:, 0].sum()) / scores.size

    found = threshold_for(scores, 0.05)

    higher = scores[scores >= found]
    assert all(begun(level) <= 0.05 for level in higher)
    lower = scores[scores < found]
    assert begun(float(lower.max())) > 0.05


def test_the_planted_cause_ranks_first_and_contributions_sum_to_the_gap() -> None:
    random = np.random.default_rng(11)
    for _ in range(4):
        counts, cause = planted_cause(random)
        found = explain_change(
            counts,
            successes="passed",
            trials="entered",
            current="is_after",
            dimensions=["channel", "region"],
            step="step",
        )
        rates = counts.groupby(["is_after", "step"])[["passed", "entered"]].sum()
        product = (rates["passed"] / rates["entered"]).groupby("is_after").prod()
        sums = found.groupby("dimension")["contribution"].sum()
        assert (found["dimension"][0], found["value"][0]) == cause
        assert sums.to_numpy() == pytest.approx(np.full(4, product[True] - product[False]))


def test_more_visits_of_a_poor_channel_are_mix_not_rate() -> None:
    counts = pd.DataFrame(
        [("a", False, 100, 50), ("b", False, 100, 10), ("a", True, 100, 50), ("b", True, 300, 30)],
        columns=["channel", "after", "visits", "orders"],
    )
    found = explain_change(
        counts, successes="orders", trials="visits", current="after", dimensions=["channel"]
    ).set_index("value")

    assert found.loc[["a", "b"], "rate_effect"].tolist() == [0.0, 0.0]
    assert found.loc[["a", "b"], "contribution"].sum() == pytest.approx(80 / 400 - 60 / 200)
