"""What happens after the order: payment, allocation, shipping, delivery, completion, closing.

Here: the times of every order's journey. Returns by customers are in `returning.py`.
All times are clipped at the end of the world by the caller that builds the `World`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import (
    DOUYIN,
    FAR_PROVINCES,
    PAYMENT_METHOD_SHARES,
    PAYMENT_METHODS,
    PROMISED_DAYS,
    PROVINCE_NAMES,
    SALE,
    SF,
    SHOPIFY,
    STORE,
    TMALL,
    YTO,
)
from connectors.sandbox.stages.ordering import Orders
from connectors.sandbox.world import DAY, HOUR, MINUTE, NEVER, Flags, Floats, Ints, WorldConfig

PAID_SHARES: Final = (0.88, 0.88, 0.99, 0.95)
LEAK_CHANNEL: Final = DOUYIN
LEAK_DAYS: Final = 7
LEAK_POINTS: Final = 0.10
UNPAID_CLOSES_AFTER: Final = DAY
CANCELLED_BEFORE_SHIPPING_SHARE: Final = 0.012
REFUSED_SHARE: Final = 0.003
STUCK_SHARE: Final = 0.004
CARRIER_SHARES: Final = (0.30, 0.45, 0.25)
FAR_CARRIER_SHARES: Final = (0.20, 0.65, 0.15)
LATE_LANE_EXTRA_DAYS: Final = (2.5, 5.0)
_USUAL_TRANSIT_DAYS = ((0.8, 2.6), (1.2, 3.8), (0.8, 2.8))
_LONGEST_USUAL_TRANSIT = 5.0


@dataclass(frozen=True)
class Journeys:
    """One element per order: when each thing happened, `NEVER` where it did not.

    `closed_at` is the close before payment; `cancel_requested_at` and `cancelled_at` belong to a
    full refund before shipping; `refused_at` to a parcel sent back at the door.
    """

    paid_at: Ints
    closed_at: Ints
    method: Ints
    allocated_at: Ints
    cancel_requested_at: Ints
    cancelled_at: Ints
    labelled_at: Ints
    shipped_at: Ints
    out_for_delivery_at: Ints
    delivered_at: Ints
    stuck_at: Ints
    refused_at: Ints
    carrier: Ints
    promised_at: Ints
    completed_at: Ints


def simulate_journeys(
    config: WorldConfig, orders: Orders, *, stage: str = "journeys", everybody_pays: bool = False
) -> Journeys:
    """The journey of every order as if the world went on for ever.

    Args:
        config: the world.
        orders: whose journeys.
        stage: names the stream of random numbers; orders that are added have one of their own.
        everybody_pays: no sale order stays unpaid.
    """
    random = config.random(stage)
    count = len(orders)
    online = orders.channel != STORE
    sale = orders.order_type == SALE
    paid_at, closed_at = _pay(config, random, orders, everybody_pays=everybody_pays)
    # Samples are sent without a payment.
    released_at = np.where(sale, paid_at, orders.created_at)
    released = online & (released_at != NEVER)

    def after(base: Ints, low: float, high: float, *, where: Flags) -> Ints:
        return np.where(where, base + _between(random, low, high, count), NEVER)

    is_douyin = orders.channel == DOUYIN
    allocated_at = after(released_at, 0.5 * HOUR, 2 * HOUR, where=released & is_douyin)
    shipped_at = after(released_at, 4 * HOUR, 2 * DAY, where=released)
    cancels = released & sale & (random.random(count) < CANCELLED_BEFORE_SHIPPING_SHARE)
    cancel_requested_at = after(released_at, 2.1 * HOUR, 3.9 * HOUR, where=cancels)
    cancelled_at = after(cancel_requested_at, MINUTE, 20 * HOUR, where=cancels)
    shipped_at = np.where(cancels, NEVER, shipped_at)
    ships = shipped_at != NEVER
    labelled_at = np.where(ships, shipped_at - _between(random, MINUTE, 1.5 * HOUR, count), NEVER)
    carrier, transit = _carry(random, orders)
    promised_days = np.array(PROMISED_DAYS)[carrier]
    promised_at = np.where(ships, (shipped_at // DAY + promised_days + 1) * DAY - 1, NEVER)
    fate = random.random(count)
    refused = ships & sale & (fate < REFUSED_SHARE)
    stuck = ships & (fate > 1 - STUCK_SHARE)
    arrived_at = np.where(ships & ~stuck, shipped_at + transit, NEVER)
    out_at = np.where(ships & ~stuck, arrived_at - _between(random, HOUR, 5 * HOUR, count), NEVER)
    delivered_at = np.where(refused, NEVER, arrived_at)
    waits = np.where(
        orders.channel == TMALL,
        _between(random, 3 * DAY, 8 * DAY, count),
        _between(random, 2 * DAY, 7 * DAY, count),
    )
    completed_at = np.where(delivered_at != NEVER, delivered_at + waits, NEVER)
    return Journeys(
        paid_at=paid_at,
        closed_at=closed_at,
        method=_choose_methods(random, orders),
        allocated_at=allocated_at,
        cancel_requested_at=cancel_requested_at,
        cancelled_at=cancelled_at,
        labelled_at=labelled_at,
        shipped_at=shipped_at,
        out_for_delivery_at=out_at,
        delivered_at=delivered_at,
        stuck_at=after(shipped_at, 1.5 * DAY, 3 * DAY, where=stuck),
        refused_at=np.where(refused, arrived_at, NEVER),
        carrier=carrier,
        promised_at=promised_at,
        completed_at=completed_at,
    )


def _between(random: np.random.Generator, low: float, high: float, count: int) -> Ints:
    return (low + random.random(count) * (high - low)).astype(np.int64)


def _pay(
    config: WorldConfig, random: np.random.Generator, orders: Orders, *, everybody_pays: bool
) -> tuple[Ints, Ints]:
    """Payment and closing times: most pay within the hour, nobody after a day."""
    count = len(orders)
    leaks = (orders.channel == LEAK_CHANNEL) & (orders.day >= config.days - LEAK_DAYS)
    share = np.array(PAID_SHARES)[orders.channel] - LEAK_POINTS * leaks
    sale = orders.order_type == SALE
    pays = sale & ((random.random(count) < share) | everybody_pays)
    minutes = np.minimum(random.lognormal(1.6, 1.6, count), 23 * 60.0)
    delay = 5 + (minutes * MINUTE).astype(np.int64)
    in_store = orders.channel == STORE
    delay = np.where(in_store, 0, delay)
    closing = np.where(in_store, 2 * MINUTE, UNPAID_CLOSES_AFTER)
    paid_at = np.where(pays, orders.created_at + delay, NEVER)
    return paid_at, np.where(sale & ~pays, orders.created_at + closing, NEVER)


def _carry(random: np.random.Generator, orders: Orders) -> tuple[Ints, Ints]:
    """Carrier and seconds from shipping to the door; yto is late far away, Shopify sends by sf."""
    count = len(orders)
    far_codes = [PROVINCE_NAMES.index(name) for name in FAR_PROVINCES]
    far = np.isin(orders.province, far_codes)
    draws = random.random(count)

    def pick(shares: tuple[float, ...]) -> Ints:
        return np.searchsorted(np.cumsum(shares)[:-1], draws, side="right").astype(np.int64)

    carrier = np.where(far, pick(FAR_CARRIER_SHARES), pick(CARRIER_SHARES))
    carrier = np.where(orders.channel == SHOPIFY, SF, carrier)
    trips = np.array(_USUAL_TRANSIT_DAYS)
    low, high = trips[carrier, 0], trips[carrier, 1]
    days: Floats = low + random.random(count) * (high - low)
    # One parcel in twenty-five has a bad trip anywhere.
    days = np.where(random.random(count) < 0.04, days + 2.5, days)
    days = np.minimum(days, _LONGEST_USUAL_TRANSIT)
    low_extra, high_extra = LATE_LANE_EXTRA_DAYS
    extra = low_extra + random.random(count) * (high_extra - low_extra)
    days = np.where(far & (carrier == YTO), days + extra, days)
    return carrier, (days * DAY).astype(np.int64)


def _choose_methods(random: np.random.Generator, orders: Orders) -> Ints:
    bounds = np.cumsum(np.array(PAYMENT_METHOD_SHARES), axis=1)[orders.channel]
    draws = random.random(len(orders))[:, None]
    chosen: Ints = (draws >= bounds).sum(axis=1)
    return np.minimum(chosen, len(PAYMENT_METHODS) - 1)
