"""(s, S) policies against brute force and against a simulation of their costs."""

import numpy as np
import pytest

from models_ml.replenishment import (
    ArticleCosts,
    ReorderPolicy,
    estimated_demand,
    exact_reorder_policy,
    policy_cost,
    quantile_reorder_policy,
    rounded_order,
    within_budget,
)

COSTS = ArticleCosts(holding=1.0, shortage=9.0, order_cost=32.0)


@pytest.mark.parametrize(("mean", "phi", "lead"), [(2.0, 0.5, 0), (5.0, 0.1, 2), (3.0, 1.5, 1)])
def test_the_search_finds_what_brute_force_finds(mean, phi, lead) -> None:
    found = exact_reorder_policy(mean, phi, lead=lead, costs=COSTS)
    assert found.cost == pytest.approx(policy_cost(found, mean, phi, lead=lead, costs=COSTS))
    around = [
        policy_cost(ReorderPolicy(point, upto, 0.0), mean, phi, lead=lead, costs=COSTS)
        for point in range(found.reorder_point - 7, found.reorder_point + 8)
        for upto in range(max(point + 1, found.order_up_to - 10), found.order_up_to + 11)
    ]
    assert min(around) == pytest.approx(found.cost)
    near = quantile_reorder_policy(mean, phi, lead=lead, costs=COSTS)
    assert found.cost <= near.cost <= 1.06 * found.cost


def test_the_cost_of_a_policy_is_what_a_simulation_costs() -> None:
    mean, phi, lead = 4.0, 0.5, 2
    policy = ReorderPolicy(12, 30, 0.0)
    rng = np.random.default_rng(4)
    demand = rng.poisson(mean * rng.gamma(1 / phi, phi, 60_000))
    level, coming, total = 30, [0] * lead, 0.0
    for units in demand:
        position = level + sum(coming)
        order = 30 - position if position <= 12 else 0
        total += COSTS.order_cost * (order > 0)
        coming.append(order)
        level += coming.pop(0) - units
        total += COSTS.holding * max(level, 0) + COSTS.shortage * max(-level, 0)
    expected = policy_cost(policy, mean, phi, lead=lead, costs=COSTS)
    assert total / len(demand) == pytest.approx(expected, rel=0.03)


def test_dispersion_is_drawn_towards_what_the_articles_share() -> None:
    rng = np.random.default_rng(3)
    mean = rng.gamma(3.0, 4.0, 300)
    units = rng.poisson(mean[:, None] * rng.gamma(2.0, 0.5, (300, 52))).astype(float)
    estimated, pooled = estimated_demand(units, prior_periods=100.0)
    _, own = estimated_demand(units, prior_periods=0.0)
    assert estimated == pytest.approx(units.mean(axis=1))
    assert np.abs(pooled - 0.5).mean() < 0.6 * np.abs(own - 0.5).mean()


def test_orders_are_whole_packs_above_the_least_order_and_inside_the_budget() -> None:
    wanted = np.array([0.0, 1.0, 13.0])
    orders = rounded_order(wanted, least_order=np.full(3, 5.0), pack=np.array([6, 4, 6]))
    assert orders.tolist() == [0, 8, 18]
    kept = within_budget(
        orders,
        unit_cost=np.array([1.0, 2.0, 1.0]),
        pack=np.array([6, 4, 6]),
        gain=np.array([1.0, 1.0, 3.0]),
        budget=27.0,
    )
    assert kept.tolist() == [0, 4, 18]
