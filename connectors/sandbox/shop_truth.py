"""What a connector must have read from the shops that tell one channel's orders in other words.

JD, Pinduoduo and WeChat Store serve the orders of the Tmall channel. Here: the figures that their
rules leave of them, from the world's tables and never from what the servers answer.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.defects import DefectPlan
from connectors.sandbox.platform_truth import figures_of, state_at
from connectors.sandbox.platforms import CANCELLED_BEFORE_SHIPPING, ORDER_STATES, SAMPLE, TMALL
from connectors.sandbox.retailer import World
from connectors.sandbox.world import MINUTE, Flags, Ints

SPLIT_EVERY: Final = 5
"""JD splits orders of several lines whose position in the world is a multiple of this."""

SPLIT_AFTER: Final = 30 * MINUTE
"""How long after the payment JD splits them."""


def shop_truth(world: World, plan: DefectPlan, as_of: int) -> dict[str, dict[str, Any]]:
    """The figures of every such shop by its platform's name, as `platform_truth` has them.

    WeChat Store tells every order, Pinduoduo and JD tell those that are a deal.
    """
    exists = (world.orders.channel == TMALL) & (world.orders.created_at <= as_of)
    told = exists & (_dealt_at(world) <= as_of)
    return {
        "wechat_store": figures_of(world, plan, as_of, exists),
        "pdd": figures_of(world, plan, as_of, told),
        "jd": _jd(world, plan, as_of, told),
    }


def _dealt_at(world: World) -> Ints:
    """When each order became a deal: paid, or given away as a sample."""
    sample = world.orders.order_type == SAMPLE
    return np.where(sample, world.orders.created_at, world.journeys.paid_at)


def _jd(world: World, plan: DefectPlan, as_of: int, told: Flags) -> dict[str, Any]:
    """JD's figures: every line of a split order is an order, words nobody knows do not occur.

    Before shipping an order is cancelled whole, with one application; what a buyer takes back
    after that is told as failed, like what the seller refuses.
    """
    orders, journeys = world.orders, world.journeys
    several = (orders.line_count > 1) & (np.arange(len(orders)) % SPLIT_EVERY == 0)
    split = told & several & (_dealt_at(world) + SPLIT_AFTER <= as_of)
    parts = np.where(split, orders.line_count, 1)
    state = state_at(world, as_of)
    return {
        **figures_of(world, plan, as_of, told),
        "orders": int(parts[told].sum()),
        "orders_by_status": {
            word: int(parts[told & (state == code)].sum()) for code, word in enumerate(ORDER_STATES)
        },
        "payments": int(parts[told & (journeys.paid_at <= as_of)].sum()),
        "parcels": int(parts[told & (journeys.shipped_at <= as_of)].sum()),
        **_jd_refunds(world, as_of, told, split),
    }


def _jd_refunds(world: World, as_of: int, told: Flags, split: Flags) -> dict[str, Any]:
    refunds = world.refunds
    asked = told[refunds.order] & (refunds.requested_at <= as_of)
    before = refunds.reason == CANCELLED_BEFORE_SHIPPING
    # Of the refunds of one cancelled order only the first counts, unless each line is an order.
    first = np.zeros(len(refunds), dtype=np.bool_)
    first[np.unique(refunds.order, return_index=True)[1]] = True
    counts = asked & (~before | first | split[refunds.order])
    decided = refunds.decided_at <= as_of
    return {
        "refunds": int(counts.sum()),
        "refunds_by_outcome": {
            "refunding": int((counts & ~decided).sum()),
            "refunded": int((counts & decided & ~refunds.rejected).sum()),
            "rejected": int((counts & decided & refunds.rejected).sum()),
        },
    }
