"""Customer value on unseen days: figures counted by hand, and nothing learnt from later."""

import math

import numpy as np
import pandas as pd
import pytest

from models_ml.customers import clv, judge_value

COLUMNS = {"customer": "who", "time": "day", "amount": "paid"}
HORIZON_DAYS = 60
LAST = pd.Timestamp("2026-06-30")
DAYS = 150
WINDOW = DAYS // 3  # shorter than the horizon


@pytest.fixture(scope="module")
def purchases():
    """300 customers, each at their own pace and price, from their own first day on."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(300):
        pace, price = random.gamma(1.2, 1 / 20), random.lognormal(4, 0.6)
        day = float(random.integers(0, 90))
        while day <= DAYS:
            bought = LAST - pd.Timedelta(days=DAYS - int(day))
            rows.append((f"c{number:03}", bought, round(price * random.lognormal(0, 0.2), 2)))
            day += max(1.0, random.exponential(1 / pace))
    return pd.DataFrame(rows, columns=["who", "day", "paid"])


@pytest.fixture(scope="module")
def judged(purchases):
    return judge_value(purchases, **COLUMNS, horizon_days=HORIZON_DAYS, as_of=LAST)


def test_figures_are_what_counting_by_hand_finds(purchases, judged):
    cut = LAST - pd.Timedelta(days=WINDOW)
    assert (judged.first, judged.last) == (cut + pd.Timedelta(days=1), LAST)
    told = clv(
        purchases[purchases["day"] <= cut], **COLUMNS, horizon_days=WINDOW, as_of=cut
    ).set_index("who")
    assert judged.count == len(told)
    came, money = dict.fromkeys(told.index, 0), dict.fromkeys(told.index, 0.0)
    for who, rows in purchases[purchases["day"] > cut].groupby("who"):
        if who in came:  # whoever is new is nobody's to foretell
            came[who], money[who] = rows["day"].nunique(), rows["paid"].sum()
    off, off_at_pace, expected = 0.0, 0.0, 0.0
    for who, row in told.iterrows():
        off += (row["expected_purchases"] - came[who]) ** 2
        off_at_pace += (row["frequency"] / row["age_days"] * WINDOW - came[who]) ** 2
        expected += row["expected_purchases"]
    figures = {metric: (value, other) for metric, value, _, other in judged.figures}
    n = len(told)
    assert figures["purchases_rmse"] == pytest.approx(
        (math.sqrt(off / n), math.sqrt(off_at_pace / n))
    )
    actual = sum(came.values())
    assert figures["purchases_bias"][0] == pytest.approx((expected - actual) / actual)
    best = sorted(told.index, key=lambda who: -told.loc[who, "expected_value"])[: round(n / 10)]
    assert figures["best_tenth_share"][0] == pytest.approx(
        sum(money[who] for who in best) / sum(money.values())
    )
    pairs = [
        (told.loc[a, "purchase_probability"], told.loc[b, "purchase_probability"])
        for a in told.index
        if came[a]
        for b in told.index
        if not came[b]
    ]
    auc = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
    assert figures["purchase_auc"][0] == pytest.approx(auc)


def test_model_beats_going_on_at_the_pace_so_far_and_the_days_since(judged):
    figures = {metric: (value, other) for metric, value, _, other in judged.figures}
    assert figures["purchases_rmse"][0] < figures["purchases_rmse"][1]
    assert figures["purchase_auc"][0] > figures["purchase_auc"][1]


def test_what_came_later_does_not_move_what_was_foretold(purchases, judged):
    later = purchases["day"] > LAST - pd.Timedelta(days=WINDOW)
    dearer = purchases.assign(paid=purchases["paid"].where(~later, purchases["paid"] * 50))
    figures = {
        metric: value
        for metric, value, _, _ in judge_value(
            dearer, **COLUMNS, horizon_days=HORIZON_DAYS, as_of=LAST
        ).figures
    }
    for metric, value, _, _ in judged.figures:
        if metric != "best_tenth_share":  # of the money that came, which is dearer now
            assert figures[metric] == pytest.approx(value)


@pytest.mark.parametrize("kept", ["few customers", "few days", "nobody back"])
def test_history_that_proves_nothing_is_not_judged(purchases, kept):
    if kept == "few customers":
        purchases = purchases[purchases["who"] < "c060"]
    elif kept == "few days":
        purchases = purchases[purchases["day"] > LAST - pd.Timedelta(days=30)]
    else:
        cut = LAST - pd.Timedelta(days=WINDOW)
        purchases = purchases[purchases["day"] <= cut]
    found = judge_value(purchases, **COLUMNS, horizon_days=HORIZON_DAYS, as_of=LAST)
    assert found.figures == ()
    assert found.count == 0
