"""What a connector must have read from the shops that tell one channel's orders in other ways.

Pinduoduo, JD and WeChat Store serve the orders of the Tmall channel, WooCommerce those of the
Shopify channel.
Here: the figures that their rules leave of them, from the world's tables and never from what a
server answers.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.platform_truth import figures_of
from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    REFUSED_AT_THE_DOOR,
    SHOPIFY,
    TMALL,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.splitting import released_at, split_at
from connectors.sandbox.world import Flags

_COUNTED_TWICE: Final = ("orders", "payments", "parcels")
_BY_WORD_TWICE: Final = ("orders_by_status", "parcels_by_carrier")


def shop_truth(world: World, plan: DefectPlan, as_of: int) -> dict[str, dict[str, Any]]:
    """The figures of every such shop by its platform's name, as `platform_truth` has them.

    Pinduoduo and JD tell an order once it is a deal: paid, or given away as a sample. JD splits
    some orders in two, and tells an after-sale's money only once it has gone back. WeChat Store
    tells every order and every after-sale from its first second.
    WooCommerce has no parcels and no word for an order on its way, and an order is over when all
    of its money went back, even a completed one. It knows refunds once they are granted, and one
    for all lines of an order that is cancelled before shipping.
    """
    is_tmall = world.orders.channel == TMALL
    told = is_tmall & (released_at(world) <= as_of)
    figures = figures_of(world, plan, as_of, told)
    exists = world.orders.created_at <= as_of
    return {
        "wechat_store": figures_of(world, plan, as_of, is_tmall & exists),
        "pdd": figures,
        "jd": _jd(world, plan, as_of, told, figures),
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


def _jd(
    world: World, plan: DefectPlan, as_of: int, told: Flags, figures: dict[str, Any]
) -> dict[str, Any]:
    """JD's figures: the two halves of a split order count, the order that was split does not."""
    more = figures_of(world, plan, as_of, told & (split_at(world) <= as_of))
    return (
        figures
        | {name: figures[name] + more[name] for name in _COUNTED_TWICE}
        | {
            name: {word: count + more[name][word] for word, count in figures[name].items()}
            for name in _BY_WORD_TWICE
        }
        | _jd_refunds(world, as_of, told)
    )


def _jd_refunds(world: World, as_of: int, told: Flags) -> dict[str, Any]:
    """Applications from their first day, returns of delivered goods once their money is back."""
    refunds = world.refunds
    asked = told[refunds.order] & (refunds.requested_at <= as_of)
    decided = asked & (refunds.decided_at <= as_of)
    granted = decided & ~refunds.rejected
    applied = np.isin(refunds.reason, (CANCELLED_BEFORE_SHIPPING, REFUSED_AT_THE_DOOR))
    counted = granted | (asked & applied)
    return {
        "refunds": int(counted.sum()),
        "refund_fen": int(refunds.amount[counted].sum()),
        "refunds_by_outcome": {
            "refunding": int((counted & ~decided).sum()),
            "refunded": int(granted.sum()),
            "rejected": int((counted & decided & refunds.rejected).sum()),
            "withdrawn": 0,  # no application is withdrawn in this world
        },
        "refunded_fen": int(refunds.amount[granted].sum()),
    }
