"""VN2: the weekly policy against the organiser's; (s, S) on 81 instances; a simulated year.

The weeks that decided the competition are not at hand; the configuration was chosen on the windows
that `EXPLORED` names, whose last is the newest there is, and has been left alone since.
Each window starts from the state that the organiser's policy had reached after eight weeks; six
orders are placed and weeks 3 to 8, which they control, are counted.
"""

import itertools
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models_ml.replenishment import (
    ArticleCosts,
    Replay,
    StockState,
    estimated_demand,
    exact_reorder_policy,
    perfect_foresight,
    policy,
    policy_cost,
    quantile_reorder_policy,
    replay_policy,
    seasonal_cover_orders,
)
from models_ml.replenishment.simulation import OrderingPolicy
from tests.benchmarks.replenishment_year import measure_year
from tests.conftest import real_data_folder

HOLDING, SHORTAGE, LEAD_WEEKS = 0.2, 1.0, 2
WEEKS, ROUNDS, WARM_WEEKS = 8, 6, 8
EXPLORED = tuple(149 - 8 * back for back in range(10))
"""Weeks known at the start of each window that served to choose the configuration."""


@dataclass(frozen=True)
class Competition:
    """The data at hand, all in one order of series."""

    sales: pd.DataFrame
    in_stock: pd.DataFrame
    master: pd.DataFrame
    weeks_of_year: np.ndarray
    """ISO week of every column and of some columns to come."""

    @property
    def units(self) -> np.ndarray:
        """Units sold, float64 (n, weeks), NaN in weeks without stock."""
        return np.where(self.in_stock.to_numpy(), self.sales.to_numpy(float), np.nan)


def read_competition(folder: Path) -> Competition:
    """The files of Week 0; flags of weeks that are not in the sales are left out."""

    def read(name: str) -> pd.DataFrame:
        frame = pd.read_csv(folder / "vn2" / name).set_index(["Store", "Product"])
        frame.columns = pd.to_datetime(frame.columns)
        return frame

    sales = read("Week 0 - 2024-04-08 - Sales.csv")
    flags = read("Week 0 - In Stock.csv").loc[sales.index, sales.columns]
    master = pd.read_csv(folder / "vn2" / "Week 0 - Master.csv")
    dates = pd.date_range(sales.columns[0], periods=sales.shape[1] + WEEKS + 4, freq="7D")
    return Competition(sales, flags, master, dates.isocalendar().week.to_numpy(dtype=int))


def organisers_policy(data: Competition, known: int) -> OrderingPolicy:
    """The benchmark of the competition from a week on."""
    units = data.units

    def order(week: int, state: StockState) -> np.ndarray:
        end = known + week
        weeks = data.weeks_of_year
        return seasonal_cover_orders(units[:, :end], weeks[:end], weeks[end : end + 4], state)

    return order


def our_policy(data: Competition, known: int) -> OrderingPolicy:
    """The public policy with its default configuration from a week on."""

    def order(week: int, state: StockState) -> np.ndarray:
        end = known + week
        return policy(
            data.sales.iloc[:, :end],
            in_stock=data.in_stock.iloc[:, :end],
            on_hand=state.on_hand,
            pipeline=state.pipeline,
            lead_weeks=LEAD_WEEKS,
            holding=HOLDING,
            shortage=SHORTAGE,
            master=data.master,
        ).astype(float)

    return order


def start_of(data: Competition, known: int) -> StockState:
    """Where eight weeks of the organiser's policy lead from a week and a half of stock."""
    begin = known - WARM_WEEKS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = np.round(np.nan_to_num(np.nanmean(data.units[:, begin - 13 : begin], axis=1)))
    state = StockState(np.floor(1.5 * usual), (usual, usual))
    demand = data.sales.to_numpy(float)[:, begin:known].T
    made = replay_policy(
        organisers_policy(data, begin), demand, state, holding=HOLDING, shortage=SHORTAGE
    )
    return made.final


def replay_window(data: Competition, known: int, ordering: OrderingPolicy) -> Replay:
    """Eight weeks from a week on, six of them with an order."""
    demand = data.sales.to_numpy(float)[:, known : known + WEEKS].T
    return replay_policy(
        ordering,
        demand,
        start_of(data, known),
        holding=HOLDING,
        shortage=SHORTAGE,
        order_rounds=ROUNDS,
    )


def controllable(made: Replay) -> float:
    """Cost of the weeks that the orders reach."""
    return float(made.cost[LEAD_WEEKS:].sum())


def run() -> dict[str, Any]:
    """Costs by window, shares saved, and the seconds of our policy."""
    data = read_competition(real_data_folder())
    figures: dict[str, Any] = {}
    saved, seconds = [], 0.0
    for known in EXPLORED:
        benchmark = controllable(replay_window(data, known, organisers_policy(data, known)))
        started = time.perf_counter()
        ours = replay_window(data, known, our_policy(data, known))
        seconds += time.perf_counter() - started
        demand = data.sales.to_numpy(float)[:, known : known + WEEKS].T
        best = replay_window(data, known, perfect_foresight(demand, LEAD_WEEKS))
        saved.append(1 - controllable(ours) / benchmark)
        figures[f"vn2_{data.sales.columns[known]:%Y_%m_%d}"] = {
            "benchmark": round(benchmark, 1),
            "ours": round(controllable(ours), 1),
            "perfect_foresight": round(controllable(best), 1),
            "saved": round(saved[-1], 4),
            "fill_rate": round(ours.fill_rate, 4),
        }
    figures["vn2_windows"] = len(saved)
    figures["vn2_mean_saved"] = round(float(np.mean(saved)), 4)
    figures["vn2_least_saved"] = round(float(np.min(saved)), 4)
    figures["vn2_seconds"] = round(seconds, 1)
    return figures | measure_reorder_policies() | measure_year()


def measure_reorder_policies() -> dict[str, float]:
    """How far policies lie above the exact (s, S) on 81 negative-binomial articles.

    Means 2, 10, 40; dispersions 0.1, 0.5, 1.5; lead times 0, 2, 5; shortage costs 5, 9, 19; holding
    1, order cost 64. Estimated: parameters from 52 observed periods, six samples of each article.
    """
    above, estimated = [], []
    cases = [
        (mean, phi, lead, ArticleCosts(1.0, shortage, 64.0))
        for mean, phi, lead, shortage in itertools.product(
            (2.0, 10.0, 40.0), (0.1, 0.5, 1.5), (0, 2, 5), (5.0, 9.0, 19.0)
        )
    ]
    best = [exact_reorder_policy(m, p, lead=lead, costs=costs).cost for m, p, lead, costs in cases]
    for (mean, phi, lead, costs), optimum in zip(cases, best, strict=True):
        above.append(quantile_reorder_policy(mean, phi, lead=lead, costs=costs).cost / optimum - 1)
    rng = np.random.default_rng(1)
    for _ in range(6):
        seen = [rng.poisson(m * rng.gamma(1 / p, p, 52)).astype(float) for m, p, _, _ in cases]
        guesses = zip(*estimated_demand(np.array(seen)), strict=True)
        for (mean, phi, lead, costs), optimum, guess in zip(cases, best, guesses, strict=True):
            made = exact_reorder_policy(float(guess[0]), float(guess[1]), lead=lead, costs=costs)
            cost = policy_cost(made, mean, phi, lead=lead, costs=costs)
            estimated.append(cost / optimum - 1)
    return {
        "reorder_instances": len(cases),
        "reorder_quantile_mean_above": round(float(np.mean(above)), 5),
        "reorder_quantile_most_above": round(float(np.max(above)), 5),
        "reorder_estimated_mean_above": round(float(np.mean(estimated)), 5),
        "reorder_estimated_median_above": round(float(np.median(estimated)), 5),
    }
