"""What a connector must have read from the shops that tell one channel's orders in other ways.

Pinduoduo serves the orders of the Tmall channel. Here: the figures that its rules leave of them,
from the world's tables and never from what the server answers.
"""

from typing import Any

import numpy as np

from connectors.sandbox.defects import DefectPlan
from connectors.sandbox.platform_truth import figures_of
from connectors.sandbox.platforms import SAMPLE, TMALL
from connectors.sandbox.retailer import World


def shop_truth(world: World, plan: DefectPlan, as_of: int) -> dict[str, dict[str, Any]]:
    """The figures of every such shop by its platform's name, as `platform_truth` has them.

    Pinduoduo tells an order once it is a deal: paid, or given away as a sample.
    """
    sample = world.orders.order_type == SAMPLE
    dealt_at = np.where(sample, world.orders.created_at, world.journeys.paid_at)
    told = (world.orders.channel == TMALL) & (dealt_at <= as_of)
    return {"pdd": figures_of(world, plan, as_of, told)}
