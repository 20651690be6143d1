"""What a connector must have read from the shops that tell one channel's orders in other ways.

Pinduoduo serves the orders of the Tmall channel, WooCommerce those of the Shopify channel. Here:
the figures that their rules leave of them, from the world's tables and never from what a server
answers.
"""

from typing import Any

import numpy as np

from connectors.sandbox.defects import DefectPlan
from connectors.sandbox.platform_truth import figures_of
from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    SAMPLE,
    SHOPIFY,
    TMALL,
)
from connectors.sandbox.retailer import World


def shop_truth(world: World, plan: DefectPlan, as_of: int) -> dict[str, dict[str, Any]]:
    """The figures of every such shop by its platform's name, as `platform_truth` has them.

    Pinduoduo tells an order once it is a deal: paid, or given away as a sample.
    WooCommerce has no parcels and no word for an order on its way, and an order is over when all
    of its money went back, even a completed one. It knows refunds once they are granted, and one
    for all lines of an order that is cancelled before shipping.
    """
    sample = world.orders.order_type == SAMPLE
    dealt_at = np.where(sample, world.orders.created_at, world.journeys.paid_at)
    told = (world.orders.channel == TMALL) & (dealt_at <= as_of)
    return {
        "pdd": figures_of(world, plan, as_of, told),
        "woocommerce": _woocommerce(world, plan, as_of),
    }


def _woocommerce(world: World, plan: DefectPlan, as_of: int) -> dict[str, Any]:
    mine = (world.orders.channel == SHOPIFY) & (world.orders.created_at <= as_of)
    figures = figures_of(world, plan, as_of, mine)
    del figures["parcels"], figures["parcels_by_carrier"]
    states = figures["orders_by_status"]
    states["paid"] += states.pop("allocated") + states.pop("shipped")
    refunds = world.refunds
    granted = mine[refunds.order] & (refunds.decided_at <= as_of) & ~refunds.rejected
    back = np.zeros(len(world.orders), dtype=np.int64)
    np.add.at(back, refunds.order[granted], refunds.amount[granted])
    completed = (world.state_times[COMPLETED] <= as_of) & (back == world.orders.total) & (back > 0)
    states["completed"] -= int(completed.sum())
    states["cancelled"] += int(completed.sum())
    at_once = granted & (refunds.reason == CANCELLED_BEFORE_SHIPPING)
    count = int((granted & ~at_once).sum()) + len(np.unique(refunds.order[at_once]))
    figures["refunds_by_outcome"] = {"refunded": count}
    figures["refunds"], figures["refund_fen"] = count, figures["refunded_fen"]
    return figures
