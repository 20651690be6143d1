"""What a connector must have read by a time: counts and sums per channel, from the world's tables.

Computed with expressions of its own, never from what the servers answer. Amounts in whole fen.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.platforms import CARRIERS, CHANNELS, ORDER_STATES, UNKNOWN_STATE
from connectors.sandbox.retailer import World
from connectors.sandbox.world import Flags, Ints

REFUND_OUTCOMES: Final = ("refunding", "refunded", "rejected", "withdrawn")
_EVERY_THIRD: Final = 3
"""Of the rejected refunds, every third was withdrawn by its buyer: the platforms close it."""


def platform_truth(world: World, plan: DefectPlan, as_of: int) -> dict[str, dict[str, Any]]:
    """The figures of every channel by its name.

    Args:
        world: the tables of truth.
        plan: edits after the fact and unmapped statuses.
        as_of: local seconds; what happens later has not happened.
    """
    exists = world.orders.created_at <= as_of
    return {
        name: figures_of(world, plan, as_of, exists & (world.orders.channel == code))
        for code, name in enumerate(CHANNELS)
    }


def figures_of(world: World, plan: DefectPlan, as_of: int, mine: Flags) -> dict[str, Any]:
    """The figures of some of the orders that exist by then."""
    orders, journeys = world.orders, world.journeys
    uncorrected = plan.edited_at > as_of
    overcharge = plan.overcharge * world.lines.quantity[orders.first_line]
    total = orders.total + np.where(uncorrected, overcharge, 0)
    paid = mine & (journeys.paid_at <= as_of)
    lines = mine[world.lines.order]
    line_excess = np.zeros(len(world.lines), dtype=np.int64)
    line_excess[orders.first_line] = np.where(uncorrected, overcharge, 0)
    amount = world.lines.amount + line_excess
    return {
        "orders": int(mine.sum()),
        "order_fen": int(total[mine].sum()),
        "orders_by_status": _by_status(world, plan, as_of, mine),
        "lines": int(lines.sum()),
        "pieces": int(world.lines.quantity[lines].sum()),
        "line_fen": int(amount[lines].sum()),
        "payments": int(paid.sum()),
        "paid_fen": int(total[paid].sum()),
        **_refunds(world, as_of, mine),
        "parcels": int((mine & (journeys.shipped_at <= as_of)).sum()),
        "parcels_by_carrier": {
            name: int((mine & (journeys.shipped_at <= as_of) & (journeys.carrier == code)).sum())
            for code, name in enumerate(CARRIERS)
        },
    }


def _by_status(world: World, plan: DefectPlan, as_of: int, mine: Flags) -> dict[str, int]:
    """Orders by canonical status; what the platform tells in an unknown word counts as unknown."""
    state = _state(world, as_of)
    unmapped = np.zeros(len(world.orders), dtype=np.bool_)
    unmapped[plan.unmapped_orders] = True
    state = np.where(unmapped & (state == world.state), len(ORDER_STATES), state)
    words = (*ORDER_STATES, UNKNOWN_STATE)
    return {word: int((mine & (state == code)).sum()) for code, word in enumerate(words)}


def _state(world: World, as_of: int) -> Ints:
    """The state that each order entered last; of equal times the later state."""
    state = np.zeros(len(world.orders), dtype=np.int64)
    since = world.state_times[0].copy()
    for code, times in enumerate(world.state_times):
        enters = (times <= as_of) & (times >= since)
        state[enters], since[enters] = code, times[enters]
    return state


def _refunds(world: World, as_of: int, mine: Flags) -> dict[str, Any]:
    refunds = world.refunds
    asked = mine[refunds.order] & (refunds.requested_at <= as_of)
    decided = asked & (refunds.decided_at <= as_of)
    granted = decided & ~refunds.rejected
    withdrawn = decided & refunds.rejected & (np.arange(len(refunds)) % _EVERY_THIRD == 2)
    outcomes = (
        asked & ~decided,
        granted,
        decided & refunds.rejected & ~withdrawn,
        withdrawn,
    )
    return {
        "refunds": int(asked.sum()),
        "refund_fen": int(refunds.amount[asked].sum()),
        "refunds_by_outcome": {
            name: int(flags.sum()) for name, flags in zip(REFUND_OUTCOMES, outcomes, strict=True)
        },
        "refunded_fen": int(refunds.amount[granted].sum()),
    }
