"""Replay of demand against an ordering policy: lost sales, a fixed lead time, cost by week.

The week goes (VN2 inventory planning challenge, 2025): what arrives is put on the shelf; demand is
met from the shelf and the rest is lost; what is left costs `holding`, what was missed `shortage`;
then the policy orders, and its order arrives `lead_weeks` whole weeks later, i.e. an order placed
at the end of week t is on the shelf at the start of week t + lead_weeks + 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StockState:
    """Units of every series at the end of a week."""

    on_hand: np.ndarray
    """float64 (n,)."""
    pipeline: tuple[np.ndarray, ...]
    """Units arriving in 1 ... lead_weeks weeks, each float64 (n,)."""

    def position(self) -> np.ndarray:
        """On hand plus everything under way, float64 (n,)."""
        total: np.ndarray = self.on_hand + sum(self.pipeline, np.zeros_like(self.on_hand))
        return total


OrderingPolicy = Callable[[int, StockState], np.ndarray]
"""Weeks already played (0 before the first) and the state at that time -> units to order (n,)."""


@dataclass(frozen=True)
class Replay:
    """What a policy did in a window; all arrays float64 (weeks, n)."""

    sold: np.ndarray
    missed: np.ndarray
    left: np.ndarray
    """Units on the shelf at the end of each week."""
    ordered: np.ndarray
    """Units ordered before each week; zero in the weeks after the last order."""
    holding: float
    shortage: float
    final: StockState
    """The state after the last week, with what is still under way."""

    @property
    def cost(self) -> np.ndarray:
        """Cost of every week and series, float64 (weeks, n)."""
        cost: np.ndarray = self.holding * self.left + self.shortage * self.missed
        return cost

    @property
    def fill_rate(self) -> float:
        """Units sold over units wanted; 1 without demand."""
        wanted = float(self.sold.sum() + self.missed.sum())
        return float(self.sold.sum()) / wanted if wanted > 0 else 1.0


def replay_policy(
    policy: OrderingPolicy,
    demand: np.ndarray,
    state: StockState,
    *,
    holding: float,
    shortage: float,
    order_rounds: int | None = None,
) -> Replay:
    """Play a window of demand.

    Args:
        policy: asked at the end of the week before each week.
        demand: units wanted, float64 (weeks, n), >= 0.
        state: stock and pipeline before the first week; the pipeline's length is the lead time.
        holding: cost of a unit on the shelf at the end of a week, >= 0.
        shortage: cost of a unit missed, >= 0.
        order_rounds: how many times the policy may order; every week when None.

    Raises:
        ValueError: an order is negative, infinite or of another length.
    """
    rounds = len(demand) if order_rounds is None else order_rounds
    records = np.zeros((4, *demand.shape))
    for week, wanted in enumerate(demand):
        order = np.zeros_like(state.on_hand)
        if week < rounds:
            order = _checked(policy(week, state), like=state.on_hand)
        coming = (*state.pipeline, order)
        shelf = state.on_hand + coming[0]
        sold = np.minimum(shelf, wanted)
        state = StockState(shelf - sold, coming[1:])
        records[:, week] = sold, wanted - sold, state.on_hand, order
    sold, missed, left, ordered = records
    return Replay(sold, missed, left, ordered, holding, shortage, final=state)


def _checked(order: np.ndarray, *, like: np.ndarray) -> np.ndarray:
    units = np.asarray(order, dtype=np.float64)
    if units.shape != like.shape or not np.isfinite(units).all() or (units < 0).any():
        raise ValueError(
            f"A policy must give {len(like)} finite orders of at least 0; it gave an array of "
            f"shape {units.shape}."
        )
    return units


def perfect_foresight(demand: np.ndarray, lead_weeks: int) -> OrderingPolicy:
    """The policy that knows the window's demand: the least cost any policy can reach.

    It orders exactly what the arrival week will lack: holding is never cheaper than ordering a
    week later, so nothing is ordered early.
    """

    def order(week: int, state: StockState) -> np.ndarray:
        arrival = week + lead_weeks
        if arrival >= len(demand):
            return np.zeros_like(state.on_hand)
        shelf = state.on_hand
        for ahead, coming in enumerate(state.pipeline):
            shelf = np.maximum(shelf + coming - demand[week + ahead], 0.0)
        found: np.ndarray = np.maximum(demand[arrival] - shelf, 0.0)
        return found

    return order


def weekly_seasonal_factors(history: np.ndarray, week_numbers: np.ndarray) -> dict[int, float]:
    """Mean demand of every week of the year over all series, with mean 1 over the weeks seen.

    Args:
        history: units, float64 (n, weeks), NaN where unknown.
        week_numbers: ISO week of every column, int (weeks,).
    """
    by_week = np.nanmean(history, axis=0)
    means = {
        int(week): float(np.mean(by_week[week_numbers == week])) for week in np.unique(week_numbers)
    }
    overall = float(np.mean(list(means.values())))
    return {week: mean / overall if overall > 0 else 1.0 for week, mean in means.items()}


def seasonal_cover_orders(
    history: np.ndarray,
    week_numbers: Sequence[int],
    coming_week_numbers: Sequence[int],
    state: StockState,
    *,
    average_weeks: int = 13,
) -> np.ndarray:
    """The organiser's benchmark of VN2: order up to some weeks of seasonal moving average.

    Factors of the week of the year are means over all series; the mean of the last `average_weeks`
    deseasonalised weeks times the factors of the coming weeks, added up, is the level that the
    stock position is filled up to.

    Args:
        history: units, float64 (n, weeks), NaN in weeks without stock.
        week_numbers: ISO week of every column.
        coming_week_numbers: ISO weeks to cover, the next one first (four in the benchmark).
        state: stock and pipeline now.
        average_weeks: weeks averaged.

    Returns:
        Whole units to order, float64 (n,).
    """
    weeks = np.asarray(week_numbers)
    factors = weekly_seasonal_factors(history, weeks)
    recent = (
        history[:, -average_weeks:] / np.array([factors[int(w)] for w in weeks])[-average_weeks:]
    )
    seen = np.isfinite(recent)
    level = np.divide(
        np.where(seen, recent, 0.0).sum(axis=1),
        seen.sum(axis=1),
        out=np.zeros(len(recent)),
        where=seen.any(axis=1),
    )
    cover = sum(factors.get(int(week), 1.0) for week in coming_week_numbers)
    orders: np.ndarray = np.round(np.maximum(level * cover - state.position(), 0.0))
    return orders
