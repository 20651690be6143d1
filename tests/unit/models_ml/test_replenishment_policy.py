"""The lost-sales simulator against a plain walk, and the weekly policy against known optima."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models_ml.frames import FrameError
from models_ml.replenishment import (
    ScenarioConfig,
    StockState,
    perfect_foresight,
    policy,
    replay_policy,
    seasonal_cover_orders,
)

COSTS = {"holding": 0.2, "shortage": 1.0}


def weekly(series: int = 40, weeks: int = 120, *, mean: float = 4.0, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([range(series // 10), range(10)], names=["Store", "Product"])
    columns = pd.date_range("2022-01-03", periods=weeks, freq="7D")
    return pd.DataFrame(rng.poisson(mean, (series, weeks)), index=index, columns=columns)


def call(history: pd.DataFrame, **changes):
    count = len(history)
    given = {
        "in_stock": None,
        "on_hand": np.zeros(count),
        "pipeline": [np.zeros(count)] * 2,
        "lead_weeks": 2,
        **COSTS,
    }
    return policy(history, **{**given, **changes})


def test_replay_equals_a_plain_walk() -> None:
    rng = np.random.default_rng(5)
    demand = rng.poisson(3, (9, 4)).astype(float)
    start = StockState(np.array([5.0, 0.0, 2.0, 9.0]), (np.full(4, 2.0), np.full(4, 1.0)))
    orders = rng.poisson(3, (9, 4)).astype(float)
    made = replay_policy(lambda week, _: orders[week], demand, start, **COSTS, order_rounds=6)
    for series in range(4):
        shelf, coming = start.on_hand[series], [float(a[series]) for a in start.pipeline]
        for week in range(9):
            coming.append(orders[week, series] if week < 6 else 0.0)
            shelf += coming.pop(0)
            sold = min(shelf, demand[week, series])
            shelf -= sold
            missed = demand[week, series] - sold
            assert made.sold[week, series] == sold
            assert made.left[week, series] == shelf
            assert made.cost[week, series] == pytest.approx(0.2 * shelf + missed)
    assert made.fill_rate == pytest.approx(made.sold.sum() / demand.sum())


def test_perfect_foresight_costs_nothing_once_its_orders_arrive_to_empty_shelves() -> None:
    demand = np.random.default_rng(2).poisson(4, (10, 6)).astype(float)
    start = StockState(np.zeros(6), (np.zeros(6), np.zeros(6)))
    made = replay_policy(perfect_foresight(demand, 2), demand, start, **COSTS)
    assert made.cost[:2].sum() == demand[:2].sum()
    assert made.cost[2:].sum() == 0.0


def test_the_organisers_benchmark_fills_four_weeks_of_seasonal_mean() -> None:
    history = np.tile([2.0, 4.0], (1, 52))
    weeks = np.tile(np.arange(1, 53), 2)
    state = StockState(np.array([3.0]), (np.array([1.0]), np.array([0.0])))
    orders = seasonal_cover_orders(history, weeks, [1, 2, 3, 4], state)
    assert orders == pytest.approx([2 + 4 + 2 + 4 - 4])


@pytest.mark.parametrize("bad", [np.array([-1.0]), np.array([np.nan]), np.zeros(2)])
def test_an_impossible_order_is_refused(bad) -> None:
    start = StockState(np.zeros(1), ())
    with pytest.raises(ValueError, match="finite orders"):
        replay_policy(lambda *_: bad, np.ones((1, 1)), start, **COSTS)


def test_without_lead_time_the_order_is_the_newsvendors_quantile() -> None:
    history = weekly(mean=20.0)
    plain = ScenarioConfig(mean_share=1.0, scenarios=2_000)
    orders = call(history, pipeline=[], lead_weeks=0, config=plain)
    optimum = stats.poisson.ppf(1 / 1.2, 20.0)
    assert np.mean(orders) == pytest.approx(optimum, rel=0.06)
    dear = call(history, pipeline=[], lead_weeks=0, holding=5.0, config=plain)
    assert (dear <= orders).all()
    assert np.mean(dear) == pytest.approx(stats.poisson.ppf(1 / 6.0, 20.0), rel=0.12)


def test_orders_fall_unit_by_unit_with_what_is_already_coming() -> None:
    history = weekly()
    nothing = call(history)
    count = len(history)
    arriving = call(
        history, pipeline=[np.zeros(count), np.zeros(count)], on_hand=np.full(count, 500.0)
    )
    assert (arriving == 0).all()
    more = call(history, pipeline=[np.zeros(count), np.full(count, 3.0)])
    assert (more <= nothing).all()
    assert nothing.dtype == np.int64
    assert (nothing == call(history)).all()


def test_weeks_without_stock_are_unknown_not_zero() -> None:
    history = weekly(mean=6.0)
    flags = pd.DataFrame(True, index=history.index, columns=history.columns)
    flags.iloc[:, -6:] = False
    empty = history.copy()
    empty.iloc[:, -6:] = 0
    told = call(empty, in_stock=flags)
    untold = call(empty)
    assert told.sum() == pytest.approx(call(history).sum(), rel=0.1)
    assert untold.sum() < 0.8 * told.sum()


def test_rows_may_come_in_any_order_and_weeks_may_have_no_dates() -> None:
    history = weekly()
    rng = np.random.default_rng(1)
    master = history.index.to_frame(index=False)
    master["Department"] = np.arange(len(master)) // 20
    flags = pd.DataFrame(rng.random(history.shape) < 0.95, history.index, history.columns)
    settings = {"in_stock": flags, "master": master}
    shuffled = settings | {"in_stock": flags.sample(frac=1, random_state=1)}
    assert (call(history, **settings) == call(history, **shuffled)).all()
    plain = history.set_axis(range(history.shape[1]), axis=1)
    assert call(plain).sum() == pytest.approx(call(history).sum(), rel=0.15)


@pytest.mark.parametrize(
    ("history", "changes", "says"),
    [
        (weekly().iloc[:0], {}, "no series"),
        (weekly().replace(4, -4), {}, "negative or missing"),
        (weekly().replace(4, np.nan), {}, "negative or missing"),
        (weekly().iloc[[0, 0, 1]], {}, "holds twice"),
        (weekly().iloc[:, ::-1], {}, "rise by 7 days"),
        (weekly(), {"pipeline": []}, "lead_weeks is 2"),
        (weekly(), {"on_hand": np.full(40, -1.0)}, "on_hand"),
        (weekly(), {"on_hand": np.zeros(3)}, "on_hand"),
        (weekly(), {"holding": 0.0}, "above zero"),
        (weekly(), {"in_stock": weekly().iloc[:5] > 0}, "lacks 35 series"),
        (weekly(), {"master": pd.DataFrame({"Store": [0], "Product": [0]})}, "lacks 39 series"),
    ],
)
def test_unfit_input_is_refused_in_one_sentence(history, changes, says) -> None:
    with pytest.raises(FrameError, match=says):
        call(history, **changes)


def test_plain_arrays_are_taken_as_frames() -> None:
    history = weekly()
    units, flags = history.to_numpy(), np.ones(history.shape, dtype=bool)
    plain = history.set_axis(range(history.shape[1]), axis=1).reset_index(drop=True)
    assert call(units, in_stock=flags).tolist() == call(plain).tolist()
