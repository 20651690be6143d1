"""Customer value: the published fit, a naive likelihood, the back-test, no look ahead."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from models_ml.customers import clv
from models_ml.customers.purchases import (
    BgNbd,
    GammaGamma,
    Histories,
    _bg_nbd_objective,
    _Compressed,
)
from models_ml.frames import FrameError
from tests.benchmarks.customers import CUT, HORIZON_DAYS, cdnow_purchases, simulated_histories

NAMES = {"customer": "customer", "time": "day", "amount": "amount"}


def test_cdnow_gives_the_published_parameters(real_data: Path) -> None:
    bought = cdnow_purchases(real_data)
    found = clv(bought[bought["day"] <= CUT], **NAMES, horizon_days=HORIZON_DAYS)

    fitted = found.attrs["parameters"]
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "log_likelihood": -9582.4}
    assert {k: round(fitted[k], 1 if k == "log_likelihood" else 3) for k in published} == published
    spend = {"p": 6.25, "q": 3.74, "gamma": 15.44}
    assert {k: round(fitted[k], 2) for k in spend} == spend
    assert len(found) == 2357
    later = bought[bought["day"] > CUT].drop_duplicates(["customer", "day"])
    actual = later.groupby("customer").size().reindex(found["customer"]).fillna(0)
    error = found["expected_purchases"].to_numpy() - actual.to_numpy()
    assert np.sqrt(np.mean(error**2)) < 1.608  # BG/NBD alone


def test_likelihood_is_the_naive_one_and_its_gradient_is_right() -> None:
    histories = simulated_histories(200)
    data = _Compressed(histories)
    r, alpha, a, b = 0.3, 4.0, 0.7, 2.0

    def naive(x: float, recency: float, age: float) -> float:
        beta = math.gamma(a + b) * math.gamma(b + x) / (math.gamma(b) * math.gamma(a + b + x))
        shape = math.gamma(r + x) * alpha**r / math.gamma(r)
        stays = (alpha + age) ** -(r + x)
        leaves = a / (b + x - 1) * (alpha + recency) ** -(r + x) if x > 0 else 0.0
        return math.log(beta * shape * (stays + leaves))

    rows = zip(histories.frequency, histories.recency, histories.age, strict=True)
    theta = np.log([r, alpha, a, b])
    value, _ = _bg_nbd_objective(theta, data)
    assert value == pytest.approx(-np.mean([naive(*map(float, row)) for row in rows]))
    off = check_grad(
        lambda t: _bg_nbd_objective(t, data)[0], lambda t: _bg_nbd_objective(t, data)[1], theta
    )
    assert off < 1e-5


def test_parameters_of_a_simulation_come_back() -> None:
    found = BgNbd.fit(simulated_histories(60_000))
    assert [found.r, found.alpha] == pytest.approx([0.24, 4.4], rel=0.05)
    assert found.a / (found.a + found.b) == pytest.approx(0.25, rel=0.1)


def test_expected_purchases_and_propensity_are_those_of_a_simulation() -> None:
    model, random = BgNbd(0.8, 6.0, 0.9, 2.5, 0.0), np.random.default_rng(4)
    one = Histories(np.array([3.0]), np.array([18.0]), np.array([26.0]))
    draws = 400_000
    # Posterior of a customer by weighting: who buys 3 times and is silent after week 18.
    rate, leave = random.gamma(0.8, 1 / 6.0, draws), random.beta(0.9, 2.5, draws)
    stays = np.exp(-rate * 26) * rate**3 * (1 - leave) ** 3
    leaves = np.exp(-rate * 18) * rate**3 * (1 - leave) ** 2 * leave
    weight = stays + leaves
    alive = stays / weight
    # Expected purchases until leaving within 10 weeks: (1 - exp(-rate * leave * 10)) / leave.
    bought = alive * (1 - np.exp(-rate * leave * 10)) / leave
    some = alive * (1 - np.exp(-rate * 10))

    assert model.alive(one)[0] == pytest.approx(np.average(alive, weights=weight), rel=0.01)
    assert model.expected(one, 10)[0] == pytest.approx(np.average(bought, weights=weight), rel=0.01)
    assert model.any_purchase(one, 10)[0] == pytest.approx(
        np.average(some, weights=weight), rel=0.01
    )


def test_a_customer_who_spends_more_is_expected_to_and_little_evidence_is_pulled_to_the_mean() -> (
    None
):
    random = np.random.default_rng(2)
    purchases = random.integers(1, 6, 4000).astype(float)
    own = 15.0 / random.gamma(4.0, 1, 4000) * 6.0
    mean = random.gamma(6.0 * purchases) / (6.0 * purchases) * own
    model = GammaGamma.fit(purchases, mean)
    assert model is not None
    few, many = model.expected(np.array([1.0, 50.0]), np.array([90.0, 90.0]))
    overall = model.expected(np.array([0.0]), np.array([0.0]))[0]
    assert overall == pytest.approx(mean.mean(), rel=0.05)
    assert overall < few < many < 90


def test_same_day_purchases_are_one_and_later_data_change_nothing() -> None:
    days = pd.to_datetime(["2026-01-01", "2026-01-01", "2026-02-01", "2026-01-05"])
    bought = pd.DataFrame(
        {"customer": ["a", "a", "a", "b"], "day": days, "amount": [10, 20, 40, 5]}
    )
    found = clv(bought, **NAMES, horizon_days=30, as_of="2026-03-01").set_index("customer")

    assert found["frequency"].to_dict() == {"a": 1, "b": 0}
    assert found["recency_days"].to_dict() == {"a": 31, "b": 0}
    assert found["age_days"].to_dict() == {"a": 59, "b": 55}
    assert found["mean_amount"].to_dict() == {"a": 35.0, "b": 5.0}
    assert set(found["model"]) == {"bg_nbd"}


def test_who_spends_more_is_expected_more_often_where_that_came_true() -> None:
    random = np.random.default_rng(3)
    pace = random.gamma(0.6, 1 / 40, 1500)
    bought = [
        (customer, day, 20 * (1 + 200 * rate) * random.lognormal(0, 0.2))
        for customer, rate in enumerate(pace)
        for day in {0, *random.integers(1, 200, random.poisson(200 * rate))}
    ]
    frame = pd.DataFrame(bought, columns=["customer", "day", "amount"])
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(frame["day"], unit="D")
    found = clv(frame, **NAMES, horizon_days=90)
    once = found[found["frequency"] == 0]

    assert found.attrs["shares"]["bg_nbd_by_amount"] >= 0.375
    # Of equal histories the process alone expects the same; only the amounts differ.
    by_amount = once.groupby(once["mean_amount"] > once["mean_amount"].median())
    low, high = by_amount["expected_purchases"].mean()
    assert high > 1.05 * low
    rank = np.corrcoef(once["expected_purchases"], pace[once["customer"]])[0, 1]
    assert rank > 0.2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="amount"), "lacks the column"),
        (lambda f: f.assign(amount=-1), "negative amount"),
        (lambda f: f.assign(customer=None), "without customer"),
        (lambda f: f.head(0), "has no row"),
        (lambda f: f.assign(day=pd.Timestamp("2030-01-01")), "after 2026-03-01"),
    ],
)
def test_a_bad_frame_is_refused(change, said: str) -> None:
    good = pd.DataFrame({"customer": ["a"], "day": [pd.Timestamp("2026-01-01")], "amount": [1.0]})
    with pytest.raises(FrameError, match=said):
        clv(change(good), **NAMES, horizon_days=30, as_of="2026-03-01")


def test_a_horizon_of_nothing_is_refused() -> None:
    good = pd.DataFrame({"customer": ["a"], "day": [pd.Timestamp("2026-01-01")], "amount": [1.0]})
    with pytest.raises(ValueError, match="at least 1"):
        clv(good, **NAMES, horizon_days=0)


@pytest.mark.parametrize("purchases", [1500, 6000])
def test_customers_who_all_buy_at_one_rate_and_never_leave(purchases: int) -> None:
    """The model's parameters run to their bounds there, where its series can't be summed."""
    random = np.random.default_rng(0)
    bought = pd.DataFrame(
        {
            "customer": random.integers(0, 800, purchases),
            "day": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(random.integers(0, 400, purchases), unit="D"),
            "amount": random.gamma(2, 20, purchases),
        }
    )
    found = clv(bought, **NAMES, horizon_days=90)
    assert np.isfinite(found.drop(columns=["customer", "model"]).to_numpy(dtype=float)).all()
    assert found["expected_purchases"].mean() == pytest.approx(purchases / 800 * 90 / 400, rel=0.1)
