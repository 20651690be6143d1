"""Which orders a marketplace splits after payment, and when: JD ships them as two orders.

The original order is cancelled then; the first line goes out as one order, the rest as another.
"""

import numpy as np

from connectors.sandbox.platforms import SAMPLE
from connectors.sandbox.retailer import World
from connectors.sandbox.world import MINUTE, NEVER, Ints

SPLITS_AFTER = 20 * MINUTE
"""From the payment; nobody cancels or ships within that time."""

_EVERY = 3
"""Of the orders with several lines, about every third is split."""


def released_at(world: World) -> Ints:
    """When each order is paid, or given away as a sample: local seconds."""
    is_sample = world.orders.order_type == SAMPLE
    return np.where(is_sample, world.orders.created_at, world.journeys.paid_at)


def split_at(world: World) -> Ints:
    """When each order is split, `NEVER` if it stays whole: local seconds."""
    orders, released = world.orders, released_at(world)
    is_split = (orders.line_count > 1) & (orders.number % _EVERY == 0) & (released != NEVER)
    return np.where(is_split, np.where(is_split, released, 0) + SPLITS_AFTER, NEVER)
