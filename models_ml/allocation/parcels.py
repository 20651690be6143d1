"""Fewer parcels: bring an order that is split to one site where that costs less than the parcel."""

from dataclasses import dataclass

import numpy as np

from models_ml.allocation.config import AllocationConfig
from models_ml.allocation.problem import Flags, Ints, Problem

_HUNDREDTHS = 100


@dataclass(frozen=True)
class _Left:
    """What the plan leaves: free units by article and site, and what each site can still send."""

    free: Ints
    room: Ints

    def give_back(self, sku: Ints, units: Ints) -> None:
        """Units of these articles from each site, shape (articles, sites), are free again."""
        np.add.at(self.free, sku, units)
        self.room[:] += units.sum(axis=0)


def join_parcels(problem: Problem, flow: Ints, config: AllocationConfig) -> tuple[Ints, Flags]:
    """Join split orders where it pays, in the order of priority; then park cheap ones.

    An order moves as a whole, to a site whose free stock and capacity hold all that it was given,
    when the dearer way costs less than the parcels saved.

    Args:
        problem: the allocation.
        flow: units of each line from each site, shape (lines, sites).
        config: the policy.

    Returns:
        The new flow, and which lines wait because their order is worth too little to be split.
    """
    flow = flow.copy()
    left = _Left(problem.stock.copy(), problem.capacity - flow.sum(axis=0))
    np.subtract.at(left.free, problem.sku_of, flow)
    parked = np.zeros(len(flow), dtype=bool)
    amounts = problem.lines["order_amount"].to_numpy(dtype=float)
    for rows in _split_orders(problem, flow):
        if _join(problem, flow, left, rows, config):
            continue
        if amounts[rows[0]] < config.split_threshold:
            left.give_back(problem.sku_of[rows], flow[rows])
            flow[rows] = 0
            parked[rows] = True
    return flow, parked


def _split_orders(problem: Problem, flow: Ints) -> list[Ints]:
    """Rows of each order that goes in more than one parcel, those that come first first."""
    codes, _ = problem.lines["order_id"].factorize()
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
    split = [rows for rows in groups if np.count_nonzero(flow[rows].sum(axis=0)) > 1]
    priority = problem.lines["priority"].to_numpy()
    ordered_at = problem.lines["ordered_at"].to_numpy()
    return sorted(split, key=lambda rows: (priority[rows[0]], ordered_at[rows[0]], codes[rows[0]]))


def _join(
    problem: Problem,
    flow: Ints,
    left: _Left,
    rows: Ints,
    config: AllocationConfig,
) -> bool:
    """Move an order to the cheapest site that can take it all; whether it moved."""
    given = flow[rows]
    units, sku = given.sum(axis=1), problem.sku_of[rows]
    served = units > 0
    cost = problem.cost[rows] + problem.offset[rows]
    fits: Flags = np.asarray(problem.allowed[rows][served].all(axis=0))
    has_room: Flags = np.asarray(left.room + given.sum(axis=0) >= units.sum())
    fits = fits & has_room & _holds(left.free, given, units, sku)
    if not fits.any():
        return False
    alone = np.where(fits, (cost * units[:, None]).sum(axis=0), np.iinfo(np.int64).max)
    site = int(alone.argmin())
    saved = (np.count_nonzero(given.sum(axis=0)) - 1) * round(config.split_cost * _HUNDREDTHS)
    if alone[site] - int((cost * given).sum()) > saved:
        return False
    left.give_back(sku, given)
    flow[rows] = 0
    flow[rows, site] = units
    left.give_back(sku, -flow[rows])
    return True


def _holds(free: Ints, given: Ints, units: Ints, sku: Ints) -> Flags:
    """Which sites hold all units of the order, with what the order itself has there."""
    kinds, place = np.unique(sku, return_inverse=True)
    needed = np.bincount(place, weights=units).astype(np.int64)
    own = np.zeros((len(kinds), given.shape[1]), dtype=np.int64)
    np.add.at(own, place, given)
    enough: Flags = np.asarray(free[kinds] + own >= needed[:, None])
    holds: Flags = np.asarray(enough.all(axis=0))
    return holds
