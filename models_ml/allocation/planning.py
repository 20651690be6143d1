"""`allocate`: order lines to stock at sites by policy, with the reason of every line."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models_ml.allocation.config import AllocationConfig
from models_ml.allocation.flow import solve
from models_ml.allocation.parcels import join_parcels
from models_ml.allocation.problem import Flags, Ints, Problem, build_problem

CAUSES = ("parked", "nowhere", "out_of_reach", "taken")
_HUNDREDTHS = 100


@dataclass(frozen=True)
class AllocationPlan:
    """What goes from where, and what waits.

    Attributes:
        picks: one row a line, site and batch: `order_id, line_no, sku, site, batch, quantity,
            distance_km, unit_cost, cheaper_sites, possible_sites, reason`; the pick list of a site
            is its rows.
        waiting: one row a line that is not (wholly) served: `order_id, line_no, sku, quantity,
            priority, cause, reason`; the cause is one of `CAUSES`.
        cost: of all units, parcels apart, in the business currency.
        parcels: number of pairs of order and site.
    """

    picks: pd.DataFrame
    waiting: pd.DataFrame
    cost: float
    parcels: int


def allocate(
    lines: pd.DataFrame,
    stock: pd.DataFrame,
    sites: pd.DataFrame,
    config: AllocationConfig | None = None,
    *,
    as_of: date,
) -> AllocationPlan:
    """Allocate lines to stock: who comes first by priority and age, from where by cost.

    Stores within the radius go before warehouses; among them cost decides, exactly (minimum-cost
    flow). Then split orders are joined where that is cheaper than another parcel. Same input, same
    plan.

    Args:
        lines: see `build_problem`.
        stock: see `build_problem`.
        sites: see `build_problem`.
        config: the policy; default AllocationConfig().
        as_of: business date of the allocation.

    Raises:
        FrameError: a frame can't be used; says why and carries the rows.
    """
    config = config or AllocationConfig()
    problem = build_problem(lines, stock, sites, config, as_of=as_of)
    flow, parked = join_parcels(problem, solve(problem), config)
    sent = problem.lines[["order_id"]].assign(row=np.arange(len(flow)))
    line, site = np.nonzero(flow)
    parcels = pd.DataFrame({"order_id": sent["order_id"].to_numpy()[line], "site": site})
    return AllocationPlan(
        _picks(problem, flow),
        _waiting(problem, flow, parked, config),
        float((problem.cost * flow).sum()) / _HUNDREDTHS,
        len(parcels.drop_duplicates()),
    )


def fill_rates(plan: AllocationPlan, lines: pd.DataFrame) -> pd.DataFrame:
    """How much of what each priority asked for is served.

    Returns:
        One row a priority, the first first: `priority, asked_units, served_units, fill_rate`.
    """
    waiting = plan.waiting.groupby("priority")["quantity"].sum()
    asked = lines.groupby("priority")["quantity"].sum().sort_index()
    served = asked - waiting.reindex(asked.index, fill_value=0)
    return pd.DataFrame(
        {
            "priority": asked.index,
            "asked_units": asked.to_numpy(),
            "served_units": served.to_numpy(),
            "fill_rate": (served / asked).to_numpy(),
        }
    )


def _picks(problem: Problem, flow: Ints) -> pd.DataFrame:
    """Give out batches in their order to lines in theirs, article by article and site by site."""
    line, site = np.nonzero(flow)
    order = np.lexsort((line, site, problem.sku_of[line]))
    line, site = line[order], site[order]
    units, sku = flow[line, site], problem.sku_of[line]
    # One axis for all shelves: each begins where the one before has all its batches behind it.
    batches = problem.batches
    ends = np.cumsum(batches["quantity"].to_numpy(dtype=np.int64))
    width = len(problem.sites)
    shelf_of_batch = (batches["sku_code"] * width + batches["site_code"]).to_numpy()
    shelf = sku * width + site
    first_batch = np.searchsorted(shelf_of_batch, shelf)
    origin = np.concatenate([[0], ends])[first_batch]
    taken = np.cumsum(units) - units
    before = taken - taken[np.searchsorted(shelf, shelf)]
    start = origin + before
    cuts = np.unique(np.concatenate([start, start + units, np.concatenate([[0], ends])]))
    row = np.searchsorted(start, cuts[:-1], side="right") - 1
    inside = (row >= 0) & (cuts[:-1] < (start + units)[row]) if len(start) else row >= 0
    row, left, right = row[inside], cuts[:-1][inside], cuts[1:][inside]
    batch = np.searchsorted(ends, left, side="right")
    found = problem.lines.loc[line[row], ["order_id", "line_no", "sku"]].reset_index(drop=True)
    cheaper, possible = _alternatives(problem, line[row], site[row])
    return found.assign(
        site=problem.sites[site[row]],
        batch=batches["batch"].to_numpy()[batch],
        quantity=right - left,
        distance_km=problem.distance_km[line[row], site[row]],
        unit_cost=problem.cost[line[row], site[row]] / _HUNDREDTHS,
        cheaper_sites=cheaper,
        possible_sites=possible,
        reason=[_reason(*counts) for counts in zip(cheaper, possible, strict=True)],
    )


def _alternatives(problem: Problem, line: Ints, site: Ints) -> tuple[list[int], list[int]]:
    """Of the sites with stock that may serve the line: those that are cheaper, and all."""
    could = problem.allowed[line] & (problem.stock[problem.sku_of[line]] > 0)
    full = problem.cost[line] + problem.offset[line]
    mine = full[np.arange(len(line)), site]
    cheaper = (could & (full < mine[:, None])).sum(axis=1)
    return cheaper.tolist(), could.sum(axis=1).tolist()


def _reason(cheaper: int, possible: int) -> str:
    """Why this site: its place among the sites that could have served the line."""
    if cheaper == 0:
        return f"cheapest of {possible} sites with stock"
    return (
        f"{cheaper} of {possible} sites with stock would be cheaper; their stock, room or the "
        "order's other lines are elsewhere"
    )


def _waiting(problem: Problem, flow: Ints, parked: Flags, config: AllocationConfig) -> pd.DataFrame:
    missing = problem.quantity - flow.sum(axis=1)
    short = missing > 0
    on_shelf = problem.stock[problem.sku_of]
    reachable = (problem.allowed & (on_shelf > 0)).any(axis=1)
    anywhere = (on_shelf > 0).any(axis=1)
    *first, last = CAUSES
    causes = np.select([parked, ~anywhere, ~reachable], first, default=last)
    reasons = {
        "parked": f"the order would be split and is worth less than {config.split_threshold:g}",
        "nowhere": "no site has the article",
        "out_of_reach": "the sites that have the article may not serve this address or accept no "
        "orders",
        "taken": "lines that come first took the stock, or the sites' capacity is used up",
    }
    columns = ["order_id", "line_no", "sku", "priority"]
    found: pd.DataFrame = problem.lines.loc[short, columns]
    cause = causes[short]
    found = found.assign(quantity=missing[short], cause=cause, reason=[reasons[c] for c in cause])
    return found.sort_values(["priority", "order_id", "line_no"]).reset_index(drop=True)
