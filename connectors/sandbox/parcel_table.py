"""All parcels of a simulated world in one table, and the truth about their promises."""

import numpy as np

from connectors.sandbox.platforms import CARRIERS
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.parcelling import Parcels
from connectors.sandbox.tables import stacked


def list_parcels(world: World) -> Parcels:
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


def describe_parcels(world: World) -> dict[str, dict[str, int]]:
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
