"""Exchanges: a piece comes back and another one goes out for it; no money moves.

Mostly clothes and shoes in another size. Pieces that fit nobody's foot go back into stock, broken
ones don't. An exchanged line has no refund.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import SALE, STORE
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Lines, Orders
from connectors.sandbox.stages.returning import Refunds
from connectors.sandbox.tables import taken
from connectors.sandbox.world import DAY, HOUR, NEVER, Flags, Ints, WorldConfig

EXCHANGE_STATES: Final = ("REQUESTED", "RECEIVED", "SHIPPED", "COMPLETED")
REQUESTED, RECEIVED, SHIPPED, COMPLETED = range(4)
EXCHANGE_REASONS: Final = ("尺码不合", "质量问题")
WRONG_SIZE, DEFECTIVE = range(2)
WORN_FACTOR: Final = 3.0
_WORN = ("kids_apparel", "shoes")


@dataclass(frozen=True)
class Exchanges:
    """One element per exchanged piece; times are local seconds, `NEVER` if not (yet) so far."""

    order: Ints
    line: Ints
    reason: Ints
    requested_at: Ints
    received_at: Ints
    shipped_at: Ints
    delivered_at: Ints

    def __len__(self) -> int:
        return len(self.order)

    @property
    def restocks(self) -> Flags:
        """Which pieces can be sold again."""
        fits_others: Flags = self.reason == WRONG_SIZE
        return fits_others


def simulate_exchanges(
    config: WorldConfig,
    *,
    products: Products,
    orders: Orders,
    lines: Lines,
    journeys: Journeys,
    refunds: Refunds,
) -> Exchanges:
    """The exchanges up to the end; without the scenario, none."""
    random = config.random("exchanges")
    worn = np.zeros(len(products), dtype=np.bool_)
    for slug in _WORN:
        worn |= products.of_category(slug)
    chance = config.scenario.exchange_share * np.where(worn[lines.sku], WORN_FACTOR, 1.0)
    able = (orders.channel != STORE) & (orders.order_type == SALE)
    able &= journeys.delivered_at != NEVER
    exchanged = able[lines.order] & (random.random(len(lines)) < chance)
    exchanged[refunds.line] = False
    line = np.flatnonzero(exchanged)
    count = len(line)

    def after(times: Ints, low: int, high: int) -> Ints:
        return times + random.integers(low, high, count)

    requested_at = after(journeys.delivered_at[lines.order[line]], 12 * HOUR, 6 * DAY)
    received_at = after(requested_at, 2 * DAY, 5 * DAY)
    shipped_at = after(received_at, 4 * HOUR, 36 * HOUR)
    size = worn[lines.sku[line]] & (random.random(count) < 0.85)
    exchanges = Exchanges(
        order=lines.order[line],
        line=line,
        reason=np.where(size, WRONG_SIZE, DEFECTIVE),
        requested_at=requested_at,
        received_at=config.happened(received_at),
        shipped_at=config.happened(shipped_at),
        delivered_at=config.happened(after(shipped_at, DAY, 4 * DAY)),
    )
    return taken(exchanges, requested_at <= config.end_second)


def describe_exchanges(exchanges: Exchanges) -> dict[str, int]:
    """How many stand where at the end."""
    reached = [
        (times != NEVER).sum()
        for times in (
            exchanges.requested_at,
            exchanges.received_at,
            exchanges.shipped_at,
            exchanges.delivered_at,
        )
    ]
    standing = np.array(reached) - np.array([*reached[1:], 0])
    return dict(zip(EXCHANGE_STATES, standing.tolist(), strict=True))
