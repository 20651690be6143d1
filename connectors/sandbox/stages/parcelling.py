"""Parcels: one for each order that is shipped, and a second one where an order is split.

The second parcel leaves after the first and arrives before it, so an order is shipped with the
first and delivered with the last of its parcels, as its journey says.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.sandbox.platforms import CARRIERS, SALE, STORE
from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Orders
from connectors.sandbox.tables import stacked, taken
from connectors.sandbox.world import NEVER, Floats, Ints, WorldConfig

if TYPE_CHECKING:
    from connectors.sandbox.retailer import World


@dataclass(frozen=True)
class Parcels:
    """One element per parcel: its order's row, its carrier and its times as in `Journeys`."""

    order: Ints
    carrier: Ints
    labelled_at: Ints
    shipped_at: Ints
    out_for_delivery_at: Ints
    delivered_at: Ints
    stuck_at: Ints
    refused_at: Ints
    promised_at: Ints

    def __len__(self) -> int:
        return len(self.order)


def split_orders(config: WorldConfig, orders: Orders, journeys: Journeys) -> Parcels:
    """The second parcels, up to the end; without the scenario, none."""
    random = config.random("split parcels")
    able = (orders.channel != STORE) & (orders.order_type == SALE) & (orders.line_count > 1)
    able &= journeys.delivered_at != NEVER
    splits = able & (random.random(len(orders)) < config.scenario.split_parcel_share)
    order = np.flatnonzero(splits)
    shipped_at = journeys.shipped_at[order]
    span = journeys.delivered_at[order] - shipped_at

    def at(low: float, high: float) -> Ints:
        share: Floats = low + random.random(len(order)) * (high - low)
        return config.happened(shipped_at + (share * span).astype(np.int64))

    parcels = Parcels(
        order=order,
        carrier=journeys.carrier[order],
        labelled_at=at(0.01, 0.05),
        shipped_at=at(0.06, 0.2),
        out_for_delivery_at=at(0.7, 0.85),
        delivered_at=at(0.86, 0.99),
        stuck_at=np.full(len(order), NEVER),
        refused_at=np.full(len(order), NEVER),
        promised_at=journeys.promised_at[order],
    )
    return taken(parcels, parcels.labelled_at != NEVER)


def list_parcels(world: "World") -> Parcels:
    """All parcels: row n is the one of order n (perhaps never labelled), then the second ones."""
    journeys = world.journeys
    first = Parcels(
        order=np.arange(len(world.orders)),
        carrier=journeys.carrier,
        labelled_at=journeys.labelled_at,
        shipped_at=journeys.shipped_at,
        out_for_delivery_at=journeys.out_for_delivery_at,
        delivered_at=journeys.delivered_at,
        stuck_at=journeys.stuck_at,
        refused_at=journeys.refused_at,
        promised_at=journeys.promised_at,
    )
    return stacked(first, world.second_parcels)


def describe_parcels(world: "World") -> dict[str, dict[str, int]]:
    """Truth about promises by carrier, of all parcels that left by the end of the world.

    `in_time` and `late` were delivered by or after the promised moment, `overdue` are not delivered
    though it is over, `open` still have time; `refused` went back and count nowhere else.
    """
    parcels = list_parcels(world)
    end = world.config.end_second
    left = parcels.shipped_at <= end
    refused = parcels.refused_at <= end
    delivered = parcels.delivered_at <= end
    kept = delivered & (parcels.delivered_at <= parcels.promised_at)
    over = parcels.promised_at <= end
    fates = {
        "in_time": kept,
        "late": delivered & ~kept,
        "overdue": ~delivered & ~refused & over,
        "open": ~delivered & ~refused & ~over,
        "refused": refused,
        "stuck": parcels.stuck_at <= end,
    }
    return {
        name: {
            fate: int((left & of_fate & (parcels.carrier == code)).sum())
            for fate, of_fate in fates.items()
        }
        for code, name in enumerate(CARRIERS)
    }
