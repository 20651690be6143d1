"""100,000 order lines, 10 sites, 5,000 articles: time, and cost against the exact optimum.

The optimum comes from another solver (SciPy's HiGHS) as a linear programme over the first 250
articles; the flow must cost the same there. Without joining parcels the whole plan is the sum of
such optima. A second plan joins parcels; `joined_total_cost` holds its parcels, too.
"""

import itertools
import time
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from models_ml.allocation.config import AllocationConfig
from models_ml.allocation.flow import penalties, solve
from models_ml.allocation.planning import allocate, fill_rates
from models_ml.allocation.problem import Problem, build_problem

AS_OF = date(2026, 11, 22)
COMPARED_ARTICLES = 250


def made_up(
    lines: int, articles: int, sites: int, seed: int = 7
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lines (three an order, three tiers), stock (too little) and sites over a region."""
    draw = np.random.default_rng(seed)
    order = np.arange(lines) // 3
    places = draw.uniform((30.5, 120.5), (32.0, 122.0), (order[-1] + 1, 2))
    amount = draw.lognormal(5, 1, order[-1] + 1).round(2)
    tier = draw.choice([1, 2, 3], order[-1] + 1, p=[0.1, 0.3, 0.6])
    when = pd.Timestamp("2026-11-21", tz="UTC") + pd.to_timedelta(
        draw.integers(0, 86_400, order[-1] + 1), unit="s"
    )
    wanted = pd.DataFrame({
        "order_id": [f"o{n:06d}" for n in order], "line_no": np.arange(lines) % 3,
        "sku": [f"sku_{n:05d}" for n in draw.integers(0, articles, lines)],
        "quantity": draw.integers(1, 4, lines), "priority": tier[order],
        "ordered_at": when[order], "latitude": places[order, 0], "longitude": places[order, 1],
        "order_amount": amount[order],
    })  # fmt: skip
    spots = draw.uniform((30.5, 120.5), (32.0, 122.0), (sites, 2))
    where = pd.DataFrame({
        "site": [f"site_{n}" for n in range(sites)],
        "kind": ["warehouse" if n < 3 else "store" for n in range(sites)],
        "latitude": spots[:, 0], "longitude": spots[:, 1], "is_accepting": True,
        "capacity_units": None, "base_cost": [3.0 if n < 3 else 5.0 for n in range(sites)],
    })  # fmt: skip
    shelf = pd.MultiIndex.from_product([where["site"], [f"sku_{n:05d}" for n in range(articles)]])
    there = shelf.to_frame(index=False, name=["site", "sku"]).assign(
        quantity=draw.integers(0, 8, len(shelf)), batch="b1", received_on=None, expires_on=None
    )
    return wanted, there, where


def optimum(problem: Problem, articles: int) -> tuple[float, float]:
    """Cost with penalties of the flow and of the linear programme, for the first articles."""
    last = int(np.searchsorted(problem.sku_of, articles))
    rows = slice(0, last)
    flow = solve(problem)[rows]
    full = problem.cost[rows] + problem.offset[rows]
    # The step of the penalties differs from article to article, as in the flow itself.
    starts = np.searchsorted(problem.sku_of, np.arange(articles + 1))
    penalty = np.concatenate([
        penalties(problem, int(a), int(b)) for a, b in itertools.pairwise(starts)
    ])  # fmt: skip
    missing = problem.quantity[rows] - flow.sum(axis=1)
    found = float((full * flow).sum() + (penalty * missing).sum())
    line, site = np.nonzero(problem.allowed[rows])
    shelf = problem.sku_of[line] * len(problem.sites) + site
    arcs = len(line)
    columns = np.arange(arcs + last)
    served = coo_matrix((np.ones(arcs + last), (np.append(line, np.arange(last)), columns)))
    kept = coo_matrix(
        (np.ones(arcs), (shelf, np.arange(arcs))),
        shape=(articles * len(problem.sites), arcs + last),
    )
    best = linprog(
        np.append(full[line, site], penalty).astype(float),
        A_ub=kept.tocsr(), b_ub=problem.stock[:articles].ravel(),
        A_eq=served.tocsr(), b_eq=problem.quantity[rows], method="highs",
    )  # fmt: skip
    return found, float(best.fun)


def run(lines: int = 100_000, articles: int = 5_000, sites: int = 10) -> dict[str, Any]:
    """Allocate and compare."""
    frames = made_up(lines, articles, sites)
    config = AllocationConfig(store_radius_km=None, split_cost=0)
    started = time.monotonic()
    plan = allocate(*frames, config, as_of=AS_OF)
    seconds = time.monotonic() - started
    started = time.monotonic()
    joined = allocate(*frames, AllocationConfig(store_radius_km=None), as_of=AS_OF)
    joined_seconds = time.monotonic() - started
    problem = build_problem(*frames, config, as_of=AS_OF)
    found, best = optimum(problem, min(COMPARED_ARTICLES, articles))
    split_cost = AllocationConfig().split_cost
    rates = fill_rates(plan, frames[0])
    return {
        "lines": lines,
        "units_asked": int(frames[0]["quantity"].sum()),
        "units_served": int(plan.picks["quantity"].sum()),
        "seconds": round(seconds, 2),
        "cost": round(plan.cost, 2),
        "cost_over_exact_optimum": round(found / best - 1, 9),
        "parcels": plan.parcels,
        "total_cost": round(plan.cost + plan.parcels * split_cost, 2),
        "joined_seconds": round(joined_seconds, 2),
        "joined_parcels": joined.parcels,
        "joined_total_cost": round(joined.cost + joined.parcels * split_cost, 2),
        **{
            f"fill_rate_tier_{int(row.priority)}": round(float(row.fill_rate), 4)
            for row in rates.itertuples()
        },
    }
