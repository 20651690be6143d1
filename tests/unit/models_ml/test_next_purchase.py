"""Next purchases: naive recall, planted habits, nothing known later, bad frames."""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models_ml.customers import (
    NextPurchaseSettings,
    backtest_next_purchases,
    next_purchases,
)
from models_ml.customers.coded import item_purchases
from models_ml.customers.item_features import habit_names, known_features
from models_ml.frames import FrameError

START, CUT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
NAMES: dict[str, Any] = {"customer": "customer", "time": "at", "item": "item", "order": "order"}


def world(customers: int = 150, *, seed: int = 3) -> pd.DataFrame:
    """Orders every three weeks or so: three favourites of the customer, one best seller, chance."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        favourites = random.choice(40, 3, replace=False)
        days = np.cumsum(random.integers(5, 40, 12))
        for number, day in enumerate(days[days < 210]):
            bought = set(favourites[random.random(3) < 0.7]) | set(random.integers(0, 60, 2))
            bought |= {60 + int(day) // 30} if random.random() < 0.5 else set()
            at = START + timedelta(days=int(day), hours=int(random.integers(0, 24)))
            order = f"o{customer}-{number}"
            rows += [(f"c{customer:03}", at, f"i{i:02}", order) for i in sorted(bought)]
    return pd.DataFrame(rows, columns=["customer", "at", "item", "order"])


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return world()


def naive_backtest(purchases: pd.DataFrame, days: int, count: int) -> dict[str, float]:
    """Personal frequency, popularity of the last 28 days among equals, with loops."""
    own: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    popular: dict[str, int] = defaultdict(int)
    later: dict[str, set[str]] = defaultdict(set)
    for customer, at, item, order in purchases.itertuples(index=False):
        if at < CUT:
            own[customer][item].add(order)
            popular[item] += at >= CUT - timedelta(days=28)
        elif at < CUT + timedelta(days=days):
            later[customer].add(item)
    recalls, repeats, explores = [], [], []
    for customer, bought in later.items():
        if customer not in own:
            continue
        ranked = sorted(popular, key=lambda i: (-len(own[customer][i]), -popular[i], i))
        habits = {item for item in own[customer] if own[customer][item]}
        new = [item for item in ranked if item not in habits]
        again = [item for item in ranked if item in habits]
        for found, truth, places in (
            (recalls, bought, ranked),
            (repeats, bought & habits, again),
            (explores, bought - habits, new),
        ):
            if truth:
                found.append(len(truth & set(places[:count])) / min(count, len(truth)))
    return {
        "recall": float(np.mean(recalls)),
        "hit_rate": float(np.mean([r > 0 for r in recalls])),
        "customers": len(recalls),
        "repeat_recall": float(np.mean(repeats)),
        "explore_recall": float(np.mean(explores)),
    }


@pytest.mark.parametrize("block_cells", [4_000_000, 500])
def test_recall_is_that_of_a_naive_walk(purchases: pd.DataFrame, block_cells: int) -> None:
    settings = NextPurchaseSettings(block_cells=block_cells)
    found = backtest_next_purchases(
        purchases, **NAMES, cut=CUT, horizon_days=30, count=5, settings=settings
    ).set_index("method")
    naive = naive_backtest(purchases, 30, 5)
    assert found.loc["personal", list(naive)].to_dict() == pytest.approx(naive)
    assert found.loc["learnt_mix", "recall"] > found.loc["untuned_mix", "recall"]
    assert found.loc["learnt_mix", "recall"] > found.loc["item_item", "recall"] + 0.1


def test_favourites_come_first_and_probabilities_are_those_of_the_world(
    purchases: pd.DataFrame,
) -> None:
    before = purchases[purchases["at"] < CUT]
    found = next_purchases(before, **NAMES, horizon_days=30, count=10, as_of=CUT)
    later = purchases[purchases["at"] >= CUT]
    later = later[later["at"] < CUT + timedelta(days=30)]
    bought = set(zip(later["customer"], later["item"], strict=True))
    came = found[found["customer"].isin(later["customer"])]
    pairs = zip(came["customer"], came["item"], strict=True)
    is_bought = np.array([pair in bought for pair in pairs])

    assert found.attrs["model"] == "learnt_mix"
    assert found.groupby("customer")["rank"].agg(list).map(lambda r: r == list(range(1, 11))).all()
    assert (found.groupby("customer")["probability"].diff().dropna() <= 0).all()
    # Five standard errors of the share of so many pairs.
    spread = 5 * math.sqrt(0.25 / len(came))
    assert came["probability"].mean() == pytest.approx(is_bought.mean(), abs=spread)
    assert is_bought[came["rank"] == 1].mean() > 2 * is_bought[came["rank"] == 10].mean()
    assert found.loc[found["is_repeat"], "order_count"].min() >= 1
    assert found.loc[~found["is_repeat"], "days_since_bought"].isna().all()


def test_features_of_a_habit_are_the_formulas() -> None:
    rows = [("a", "2026-01-01", "x"), ("a", "2026-01-11", "x"), ("a", "2026-01-21", "y")]
    rows += [("b", "2026-01-21", "x")]
    frame = pd.DataFrame(rows, columns=["customer", "at", "item"])
    coded = item_purchases(
        frame, customer="customer", time="at", item="item", as_of=datetime(2026, 1, 31, tzinfo=UTC)
    )
    settings = NextPurchaseSettings(half_lives_days=(10.0,))
    known = known_features(coded, settings)

    names = habit_names(settings)
    found = dict(zip(names, known.habits.features[0].tolist(), strict=True))
    assert found == pytest.approx(
        {
            "orders_with_item": math.log(3),
            "orders_decayed_10": math.log(1 + 0.5**3 + 0.5**2),
            "share_of_orders": 2 / 3,
            "overdue": math.log(21 / 11),
        }
    )
    _, near, linear = next(known.blocks(np.array([0, 1]), settings))
    assert near[0].tolist() == [0.0, 0.0]  # nothing was ever bought together
    gram = np.diag([2 / 5 + 5.0, 1 / 5 + 5.0])
    gram[0, 1] = gram[1, 0] = 1 / 5
    inverse = np.linalg.inv(gram)
    told = 1 / math.sqrt(5) * -inverse[0, 1] / inverse[1, 1]
    assert told > 0
    assert linear[1, 1] == pytest.approx(math.sqrt(told), rel=1e-5)


def test_purchases_after_the_present_change_nothing(purchases: pd.DataFrame) -> None:
    """The items of the hold-out are swapped: what was learnt and ranked before stays the same."""
    before = purchases[purchases["at"] < CUT]
    alone = item_purchases(before, **NAMES, as_of=CUT)
    shifted = purchases.assign(item=purchases["item"].where(purchases["at"] < CUT, "i59"))
    cut = int(CUT.timestamp() * 1_000_000)
    for frame in (purchases, shifted):
        seen = known_features(item_purchases(frame, **NAMES).before(cut), NextPurchaseSettings())
        known = known_features(alone, NextPurchaseSettings())
        assert np.array_equal(seen.habits.features, known.habits.features)
        assert np.array_equal(seen.items, known.items)
        assert np.array_equal(seen.customers, known.customers)
        assert np.allclose(seen.together, known.together, atol=1e-6)


def test_order_of_rows_and_repeated_rows_change_nothing(purchases: pd.DataFrame) -> None:
    before = purchases[purchases["at"] < CUT]
    shuffled = pd.concat([before, before.head(50)]).sample(frac=1, random_state=1)
    wanted = ["c003", "c001", "nobody"]
    made = [
        next_purchases(frame, **NAMES, horizon_days=30, as_of=CUT, customers=wanted, count=3)
        for frame in (before, shuffled)
    ]
    pd.testing.assert_frame_equal(made[0], made[1], rtol=1e-4)
    assert made[0]["customer"].tolist() == ["c001"] * 3 + ["c003"] * 3


def test_a_short_history_is_ranked_without_a_learnt_mix(purchases: pd.DataFrame) -> None:
    few = purchases[purchases["at"] < START + timedelta(days=20)]
    found = next_purchases(few, **NAMES, horizon_days=30)
    assert found.attrs == {"model": "untuned_mix", "weights": {}}
    assert found["probability"].isna().all()
    assert found.loc[found["rank"] == 1, "is_repeat"].all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="item"), "lacks the column"),
        (lambda f: f.assign(customer=None), "without customer"),
        (lambda f: f.head(0), "has no row"),
        (lambda f: f.assign(at="soon"), "is no time"),
        (lambda f: f.assign(at=CUT + timedelta(seconds=1)), "after 2026-06-01"),
        (lambda f: f.assign(customer=["a", "b"]), "more than one customer"),
    ],
)
def test_a_bad_frame_is_refused(change: Any, said: str) -> None:
    good = pd.DataFrame({"customer": "a", "at": [START, START], "item": ["x", "y"], "order": "1"})
    with pytest.raises(FrameError, match=said):
        next_purchases(change(good), **NAMES, horizon_days=30, as_of=CUT)


def test_numbers_below_one_and_an_empty_hold_out_are_refused(purchases: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next_purchases(purchases, **NAMES, horizon_days=0)
    with pytest.raises(FrameError, match="no customer who bought before the cut"):
        backtest_next_purchases(
            purchases, **NAMES, cut=datetime(2027, 1, 1, tzinfo=UTC), horizon_days=5
        )
