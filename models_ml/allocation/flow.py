"""Exact minimum-cost flow from lines to stock, with OR-tools.

Every unit that is not served costs a penalty, higher for whoever comes first: one step is more than
any detour over all sites can save, so cost never decides who is served, only from where. Without
limits on what sites can send, articles don't touch each other and are solved one by one, which is
exact as well.
"""

import numpy as np
from ortools.graph.python import min_cost_flow

from models_ml.allocation.problem import Ints, Problem


def solve(problem: Problem) -> Ints:
    """Units of each line from each site, shape (lines, sites)."""
    flow = np.zeros(problem.cost.shape, dtype=np.int64)
    starts = np.searchsorted(problem.sku_of, np.arange(len(problem.skus) + 1))
    for sku in range(len(problem.skus)):
        flow[starts[sku] : starts[sku + 1]] = _solve_rows(problem, starts[sku], starts[sku + 1])
    if (flow.sum(axis=0) > problem.capacity).any():
        return _solve_rows(problem, 0, len(problem.quantity), capacity=problem.capacity)
    return flow


def penalties(problem: Problem, first: int, last: int) -> Ints:
    """Cost of a unit that is not served, for some lines, shape (last - first,)."""
    step = problem.dearest * (len(problem.sites) + 2)
    sku = problem.sku_of[first:last]
    place = np.arange(last - first) - np.searchsorted(sku, sku)
    longest = int(place.max(initial=0)) + 1
    steps: Ints = step * (1 + longest - place)
    return steps


def _solve_rows(problem: Problem, first: int, last: int, capacity: Ints | None = None) -> Ints:
    """The flow of the lines from `first` to before `last`, shape (last - first, sites)."""
    rows = slice(first, last)
    wanted, sku = problem.quantity[rows], problem.sku_of[rows]
    lines, sites = problem.cost[rows].shape
    units = problem.stock[sku[0] : sku[-1] + 1] if lines else problem.stock[:0]
    allowed = problem.allowed[rows] & (problem.stock[sku] > 0)
    line, site = np.nonzero(allowed)
    # Nodes: lines, then articles at sites, then sites, then the sink.
    shelf = lines + (sku[line] - sku[0] if lines else sku[line]) * sites + site
    first_site = lines + units.size
    sink = first_site + sites
    network = min_cost_flow.SimpleMinCostFlow()
    cost = (problem.cost[rows] + problem.offset[rows])[line, site]
    arcs = network.add_arcs_with_capacity_and_unit_cost(line, shelf, wanted[line], cost)
    shelves = np.arange(units.size)
    zero = np.zeros_like(shelves)
    network.add_arcs_with_capacity_and_unit_cost(
        lines + shelves, first_site + shelves % sites, units.ravel(), zero
    )
    most = np.full(sites, int(wanted.sum())) if capacity is None else capacity
    network.add_arcs_with_capacity_and_unit_cost(
        first_site + np.arange(sites), np.full(sites, sink), most, np.zeros(sites, dtype=np.int64)
    )
    network.add_arcs_with_capacity_and_unit_cost(
        np.arange(lines), np.full(lines, sink), wanted, penalties(problem, first, last)
    )
    network.set_nodes_supplies(np.arange(lines), wanted)
    network.set_node_supply(int(sink), -int(wanted.sum()))
    status = network.solve()
    if status != network.OPTIMAL:
        raise ArithmeticError(f"The flow of {lines} lines has no optimum (status {status}).")
    flow = np.zeros((lines, sites), dtype=np.int64)
    flow[line, site] = network.flows(arcs)
    return flow
