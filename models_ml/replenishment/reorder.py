"""Policies of one article: exact (s, S), and a reorder point with an economic lot.

Periodic review with backorders: each period an order of any size costs `order_cost`, arrives `lead`
periods later; a unit on the shelf costs `holding` and a unit owed `shortage` at the end of each
period. Demand of a period is negative binomial (Poisson without dispersion), independent over time.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

TAIL = 1e-9
"""Probability beyond which demand is not counted."""


@dataclass(frozen=True)
class ArticleCosts:
    """Costs of one article, all in one currency."""

    holding: float
    """Of a unit on the shelf at the end of a period, > 0."""
    shortage: float
    """Of a unit owed at the end of a period, > 0."""
    order_cost: float
    """Of placing an order, >= 0."""


@dataclass(frozen=True)
class ReorderPolicy:
    """Order up to `order_up_to` when the position has fallen to `reorder_point` or below."""

    reorder_point: int
    order_up_to: int
    cost: float
    """Expected cost a period under the demand it was made for."""


def demand_probabilities(mean: float, dispersion: float, *, periods: int = 1) -> np.ndarray:
    """Probabilities of 0, 1, 2, ... units in some periods together, up to all but TAIL.

    Args:
        mean: units a period, > 0.
        dispersion: phi of the variance m + phi m^2 of a period, >= 0.
        periods: independent periods added up, >= 1.
    """
    total = mean * periods
    if dispersion <= 0:
        most = int(stats.poisson.isf(TAIL, total)) + 1
        found = stats.poisson.pmf(np.arange(most + 1), total)
        return np.asarray(found / found.sum())
    size = periods / dispersion
    chance = size / (size + total)
    most = int(stats.nbinom.isf(TAIL, size, chance)) + 1
    found = stats.nbinom.pmf(np.arange(most + 1), size, chance)
    return np.asarray(found / found.sum())


def position_costs(
    positions: np.ndarray, mean: float, dispersion: float, *, lead: int, costs: ArticleCosts
) -> np.ndarray:
    """Expected holding and shortage cost of a period `lead` periods on, float64 like `positions`.

    G(y) = holding E[(y - D)+] + shortage E[(D - y)+] with D the demand of lead + 1 periods.
    """
    chance = demand_probabilities(mean, dispersion, periods=lead + 1)
    units = np.arange(len(chance))
    short = np.maximum(units[None, :] - positions[:, None], 0.0) @ chance
    left = positions - float(units @ chance) + short
    result: np.ndarray = costs.holding * left + costs.shortage * short
    return result


def exact_reorder_policy(
    mean: float, dispersion: float, *, lead: int, costs: ArticleCosts
) -> ReorderPolicy:
    """The (s, S) policy with the least cost a period, by Zheng and Federgruen's search (1991).

    Args:
        mean: units a period, > 0.
        dispersion: phi of the variance m + phi m^2, >= 0.
        lead: whole periods between order and arrival, >= 0.
        costs: all above zero but the order cost.
    """
    chance = demand_probabilities(mean, dispersion)
    spread = np.sqrt(mean + dispersion * mean**2)
    reach = int(np.sqrt(2 * costs.order_cost * mean / costs.holding) * 2 + 12 * spread) + 10
    centre = round(mean * (lead + 1))
    low = centre - reach - int(6 * spread * np.sqrt(lead + 1)) - 10
    high = centre + 3 * reach + int(10 * spread * np.sqrt(lead + 1))
    table = position_costs(np.arange(low, high + 1), mean, dispersion, lead=lead, costs=costs)
    renewal = _renewal(chance, high - low + 1)

    def average(point: int, upto: int) -> float:
        """Cost a period of an (s, S) policy: a cycle's cost over its length (Veinott & Wagner)."""
        steps = renewal[: upto - point]
        states = table[upto - low - np.arange(upto - point)]
        return float((costs.order_cost + steps @ states) / steps.sum())

    best_position = low + int(np.argmin(table))
    upto, point = best_position, best_position - 1
    while point > low and average(point, upto) > table[point - low]:
        point -= 1
    best, least = (point, upto), average(point, upto)
    candidate = best_position + 1
    while candidate < high and table[candidate - low] <= least:
        if average(best[0], candidate) < least:
            point = best[0]
            while point < best_position and average(point, candidate) <= table[point + 1 - low]:
                point += 1
            best, least = (point, candidate), average(point, candidate)
        candidate += 1
    return ReorderPolicy(best[0], best[1], least)


def policy_cost(
    policy: ReorderPolicy, mean: float, dispersion: float, *, lead: int, costs: ArticleCosts
) -> float:
    """Expected cost a period of any (s, S) policy under some demand."""
    length = max(policy.order_up_to - policy.reorder_point, 1)
    steps = _renewal(demand_probabilities(mean, dispersion), length)
    positions = policy.order_up_to - np.arange(length)
    states = position_costs(positions, mean, dispersion, lead=lead, costs=costs)
    return float((costs.order_cost + steps @ states) / steps.sum())


def _renewal(chance: np.ndarray, length: int) -> np.ndarray:
    """Expected periods a cycle spends with j units sold since its order, (length,).

    m(0) = 1 / (1 - p0), m(j) = sum over i = 1..j of p(i) m(j - i), over 1 - p0.
    """
    stays = 1.0 / (1.0 - chance[0])
    steps = np.zeros(length)
    steps[0] = stays
    for sold in range(1, length):
        reach = min(sold, len(chance) - 1)
        steps[sold] = stays * float(chance[1 : reach + 1] @ steps[sold - 1 :: -1][:reach])
    return steps


def quantile_reorder_policy(
    mean: float, dispersion: float, *, lead: int, costs: ArticleCosts
) -> ReorderPolicy:
    """Order an economic lot with backorders at the reorder point that suits it.

    The lot is sqrt(2 K m (h + b) / (h b)), which with a good reorder point is never more than an
    eighth dearer than the optimum (Zheng 1992). The reorder point is the one with the least cost
    for that lot, which balances positions on both sides of the newsvendor's quantile.
    """
    lot = round(
        np.sqrt(
            2 * costs.order_cost * mean * (costs.holding + costs.shortage)
            / (costs.holding * costs.shortage)
        )
    )  # fmt: skip
    lot = max(lot, 1)
    chance = demand_probabilities(mean, dispersion, periods=lead + 1)
    ratio = costs.shortage / (costs.shortage + costs.holding)
    quantile = int(np.searchsorted(np.cumsum(chance), ratio))
    points = np.arange(quantile - lot - 1, quantile + 1)
    positions = np.arange(points[0] + 1, points[-1] + lot + 1)
    table = position_costs(positions, mean, dispersion, lead=lead, costs=costs)
    windows = np.convolve(table, np.ones(lot), mode="valid")
    point = int(points[int(np.argmin(windows))])
    made = ReorderPolicy(point, point + lot, 0.0)
    cost = policy_cost(made, mean, dispersion, lead=lead, costs=costs)
    return ReorderPolicy(point, point + lot, cost)


def estimated_demand(
    units: np.ndarray, *, prior_dispersion: float | None = None, prior_periods: float = 10.0
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and dispersion of every article, the dispersion pooled over all of them, each (n,).

    Each article's moment estimate (s^2 - m) / m^2 weighs its periods; the
    pooled one, the ratio of sums over articles, weighs `prior_periods` (empirical Bayes).

    Args:
        units: units of every period, float64 (n, periods).
        prior_dispersion: dispersion to draw to; pooled from the articles when None.
        prior_periods: periods that the pooled dispersion weighs.
    """
    mean = np.maximum(units.mean(axis=1), 1.0 / units.shape[1])
    excess = units.var(axis=1, ddof=1) - mean
    # E[mean^2] overstates the squared mean by the variance of the mean.
    square = np.maximum(mean**2 - units.var(axis=1, ddof=1) / units.shape[1], 0.25 * mean**2)
    own = excess / square
    pooled = prior_dispersion
    if pooled is None:
        pooled = float(np.maximum(np.average(own, weights=np.sqrt(mean)), 0.0))
    weight = units.shape[1] / (units.shape[1] + prior_periods)
    return mean, np.maximum(weight * own + (1 - weight) * pooled, 0.0)


def rounded_order(units: np.ndarray, *, least_order: np.ndarray, pack: np.ndarray) -> np.ndarray:
    """Whole packs of at least the supplier's least order, zero where nothing is wanted, int64 (n,).

    Args:
        units: wanted units, >= 0.
        least_order: the supplier's minimum, units.
        pack: units of a pack, >= 1.
    """
    wanted = np.where(units > 0, np.maximum(units, least_order), 0.0)
    return np.asarray(np.ceil(wanted / pack - 1e-9) * pack, dtype=np.int64)


def within_budget(
    units: np.ndarray, *, unit_cost: np.ndarray, pack: np.ndarray, gain: np.ndarray, budget: float
) -> np.ndarray:
    """Cut an order to a budget, giving up the least expected gain per unit of money, int64 (n,).

    Args:
        units: whole packs wanted of every article.
        unit_cost: of a unit, > 0.
        pack: units of a pack, >= 1.
        gain: expected cost saved by a unit ordered.
        budget: money to spend, >= 0.
    """
    kept = np.zeros(len(units), dtype=np.int64)
    left = budget
    for place in np.argsort(-gain / unit_cost, kind="stable"):
        affordable = int(left // (unit_cost[place] * pack[place]) * pack[place])
        kept[place] = min(int(units[place]), affordable)
        left -= kept[place] * unit_cost[place]
    return kept
