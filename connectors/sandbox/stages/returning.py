"""Refunds: cancelled before shipping, refused at the door, and returns with planted regularities.

The chance that a delivered sale line comes back is logistic in the sum of the planted effects
below plus the product's and the person's own effect; all of them are in the truth file.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    DOUYIN,
    EMPTY_BOX,
    FIRST_RETURN_REASON,
    REFUSED_AT_THE_DOOR,
    SALE,
    STORE,
)
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Lines, Orders
from connectors.sandbox.stages.people import Accounts
from connectors.sandbox.world import DAY, HOUR, MINUTE, NEVER, Flags, Floats, Ints, WorldConfig

RETURN_INTERCEPT: Final = -4.0
DOUYIN_EFFECT: Final = 0.35
STORE_EFFECT: Final = -0.8
LATE_DELIVERY_EFFECT: Final = 0.6
MULTI_PIECE_EFFECT: Final = 0.3
FULL_QUANTITY_SHARE: Final = 0.8
REJECTED_SHARE: Final = 0.05
_LONGEST_WAIT_DAYS = 10.0


@dataclass(frozen=True)
class Refunds:
    """One element per refunded line: `line` is the row in `Lines`; amounts in fen."""

    order: Ints
    line: Ints
    quantity: Ints
    amount: Ints
    reason: Ints
    rejected: Flags
    restocks: Flags
    requested_at: Ints
    decided_at: Ints

    def __len__(self) -> int:
        return len(self.order)


def simulate_refunds(
    config: WorldConfig,
    *,
    products: Products,
    accounts: Accounts,
    orders: Orders,
    lines: Lines,
    journeys: Journeys,
) -> tuple[Refunds, Floats]:
    """All refunds as if the world went on for ever, and each line's planted chance of return."""
    random = config.random("refunds")
    received_at = np.where(orders.channel == STORE, journeys.paid_at, journeys.delivered_at)
    chance = _return_chances(products, accounts, orders, lines, journeys)
    eligible = (orders.order_type == SALE) & (received_at != NEVER)
    returned = eligible[lines.order] & (random.random(len(lines)) < chance)
    paid_amount = lines.amount > 0
    cancelled = (journeys.cancelled_at != NEVER)[lines.order] & paid_amount
    refused = (journeys.refused_at != NEVER)[lines.order] & paid_amount
    line = np.flatnonzero(returned | cancelled | refused)
    order = lines.order[line]
    whole = (cancelled | refused)[line]
    count = len(line)
    requested_at = np.where(
        cancelled[line],
        journeys.cancel_requested_at[order],
        np.where(refused[line], journeys.refused_at[order], NEVER),
    )
    waits = np.minimum(random.exponential(2.6, count) + 0.1, _LONGEST_WAIT_DAYS)
    by_customer = received_at[order]
    np.add(by_customer, (waits * DAY).astype(np.int64), out=by_customer, where=~whole)
    requested_at = np.where(whole, requested_at, by_customer)
    takes = HOUR + (random.random(count) * 4 * DAY).astype(np.int64)
    takes = np.where(refused[line], MINUTE + takes // 4, takes)
    decided_at = np.where(cancelled[line], journeys.cancelled_at[order], requested_at + takes)
    quantity = _refunded_quantities(random, lines.quantity[line], whole)
    reason = random.integers(FIRST_RETURN_REASON, EMPTY_BOX, count)
    reason = np.where(cancelled[line], CANCELLED_BEFORE_SHIPPING, reason)
    reason = np.where(refused[line], REFUSED_AT_THE_DOOR, reason)
    refunds = Refunds(
        order=order,
        line=line,
        quantity=quantity,
        amount=quantity * lines.unit_price[line],
        reason=reason,
        rejected=~whole & (random.random(count) < REJECTED_SHARE),
        restocks=~cancelled[line],
        requested_at=requested_at,
        decided_at=decided_at,
    )
    return refunds, chance


def fully_refunded_at(orders: Orders, lines: Lines, refunds: Refunds) -> Ints:
    """When the last piece of an order was refunded; `NEVER` if something was kept."""
    succeeds = ~refunds.rejected
    pieces = np.bincount(lines.order, weights=lines.quantity, minlength=len(orders))
    back = np.bincount(
        refunds.order[succeeds], weights=refunds.quantity[succeeds], minlength=len(orders)
    )
    last = np.zeros(len(orders), dtype=np.int64)
    np.maximum.at(last, refunds.order[succeeds], refunds.decided_at[succeeds])
    return np.where((back > 0) & (back == pieces), last, NEVER)


def _return_chances(
    products: Products, accounts: Accounts, orders: Orders, lines: Lines, journeys: Journeys
) -> Floats:
    known = orders.account >= 0
    person = np.where(known, accounts.return_effect[orders.account], 0.0)
    late = (journeys.delivered_at != NEVER) & (journeys.delivered_at > journeys.promised_at)
    of_order = (
        RETURN_INTERCEPT
        + person
        + DOUYIN_EFFECT * (orders.channel == DOUYIN)
        + STORE_EFFECT * (orders.channel == STORE)
        + LATE_DELIVERY_EFFECT * late
    )
    logit = (
        of_order[lines.order]
        + products.return_effect[lines.sku]
        + MULTI_PIECE_EFFECT * (lines.quantity > 1)
    )
    chance: Floats = 1.0 / (1.0 + np.exp(-logit))
    return chance


def _refunded_quantities(random: np.random.Generator, bought: Ints, whole: Flags) -> Ints:
    partly = ~whole & (bought > 1) & (random.random(len(bought)) >= FULL_QUANTITY_SHARE)
    some = 1 + (random.random(len(bought)) * (bought - 1)).astype(np.int64)
    return np.where(partly, np.minimum(some, bought), bought)
