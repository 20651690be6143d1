"""Parcels: one for each order that is shipped, and a second one where an order is split.

The second parcel leaves after the first and arrives before it, so an order is shipped with the
first and delivered with the last of its parcels, as its journey says.
"""

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.platforms import SALE, STORE
from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Orders
from connectors.sandbox.tables import taken
from connectors.sandbox.world import NEVER, Floats, Ints, WorldConfig


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
