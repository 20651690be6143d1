"""Fraud rings: accounts that order dear goods together and claim that the boxes came empty.

A ring's accounts are of different people but share devices and one address (`identifying.py`).
Honest buyers get an empty box now and then too. A claim gives the money of the whole order back,
and nothing comes back.
"""

from typing import Final

import numpy as np

from connectors.sandbox.platforms import DOUYIN, EMPTY_BOX, SALE, TMALL
from connectors.sandbox.stages.adding import Trade, add_trade, single_line_orders
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.stages.following import FIRST, THEN
from connectors.sandbox.stages.fulfilment import Journeys, simulate_journeys
from connectors.sandbox.stages.ordering import Lines, Orders
from connectors.sandbox.stages.people import Accounts
from connectors.sandbox.stages.returning import Refunds
from connectors.sandbox.tables import stacked, taken
from connectors.sandbox.world import (
    DAY,
    HOUR,
    NEVER,
    Ints,
    WorldConfig,
    choose_distinct,
)

RING_SIZE: Final = 5
ORDERS_EACH: Final = (3, 6)
ACTIVE_DAYS: Final = 20
CLAIM_SHARE: Final = 0.8
HONEST_CLAIM_SHARE: Final = 0.0004
DEAR_YUAN: Final = (300, 2_000)
_CHANNELS = (TMALL, DOUYIN)


def plant_rings(
    config: WorldConfig, products: Products, accounts: Accounts, trade: Trade
) -> tuple[Trade, Ints, Ints]:
    """The trade with the rings' orders.

    Returns:
        the trade, in which row each of the former orders and of the added ones stands now, and the
        ring of each account (-1 for honest ones).
    """
    random = config.random("fraud rings")
    wanted = config.scenario.fraud_order_share * len(trade.orders)
    count = max(1, round(wanted / (RING_SIZE * (sum(ORDERS_EACH) - 1) / 2)))
    able = np.flatnonzero(np.isin(accounts.channel, _CHANNELS))
    members = random.permutation(choose_distinct(random, able, count * RING_SIZE))
    ring = np.full(len(accounts), -1, dtype=np.int64)
    ring[members] = np.arange(len(members)) // RING_SIZE
    orders, lines = _ring_orders(
        config, random, products=products, accounts=accounts, members=members, ring=ring
    )
    journeys = simulate_journeys(config, orders, stage="ring journeys", everybody_pays=True)
    trade, row = add_trade(config, trade, Trade(orders, lines, journeys), "ring numbers")
    return trade, row, ring


def claim_empty_boxes(
    config: WorldConfig,
    *,
    orders: Orders,
    lines: Lines,
    journeys: Journeys,
    refunds: Refunds,
    ring: Ints,
) -> Refunds:
    """The refunds with the claims: an order with a claim has no other refund."""
    random = config.random("empty boxes")
    count = len(orders)
    known = orders.account >= 0
    is_ring = known & (ring[orders.account] >= 0)
    able = np.isin(orders.channel, _CHANNELS) & known & (orders.order_type == SALE)
    able &= (journeys.delivered_at != NEVER) & (orders.total > 0)
    chance = np.where(is_ring, CLAIM_SHARE, HONEST_CLAIM_SHARE)
    claims = able & (random.random(count) < chance)
    delivered_at = np.where(claims, journeys.delivered_at, 0)
    requested_at = delivered_at + random.integers(2 * HOUR, 36 * HOUR, count)
    decided_at = requested_at + random.integers(HOUR, 20 * HOUR, count)
    line = np.flatnonzero(claims[lines.order] & (lines.amount > 0))
    order = lines.order[line]
    nothing = np.zeros(len(line), dtype=np.bool_)
    claimed = Refunds(
        order=order,
        line=line,
        quantity=lines.quantity[line],
        amount=lines.amount[line],
        reason=np.full(len(line), EMPTY_BOX),
        rejected=nothing,
        restocks=nothing,
        requested_at=requested_at[order],
        decided_at=decided_at[order],
    )
    everything = stacked(taken(refunds, ~claims[refunds.order]), claimed)
    return taken(everything, np.argsort(everything.line, kind="stable"))


def _ring_orders(
    config: WorldConfig,
    random: np.random.Generator,
    *,
    products: Products,
    accounts: Accounts,
    members: Ints,
    ring: Ints,
) -> tuple[Orders, Lines]:
    """Dear goods in the evenings of a few weeks, sent to the address of the ring's first member."""
    rings = len(members) // RING_SIZE + 1
    begins = random.integers(0, max(config.days - ACTIVE_DAYS, 1), rings)
    account = np.repeat(members, random.integers(*ORDERS_EACH, len(members)))
    day = begins[ring[account]] + random.integers(0, min(ACTIVE_DAYS, config.days), len(account))
    created_at = config.start_second + np.minimum(day, config.days - 1) * DAY
    created_at += 19 * HOUR + random.integers(0, 4 * HOUR, len(account))
    low, high = (yuan * 100 for yuan in DEAR_YUAN)
    dear = (products.list_price >= low) & (products.list_price <= high)
    dear &= ~products.of_category(FIRST) & ~products.of_category(THEN)
    candidates = np.flatnonzero(dear) if dear.any() else np.arange(len(products))
    sku = random.choice(candidates, len(account))
    province = accounts.province[members[::RING_SIZE]]
    return single_line_orders(
        config,
        channel=accounts.channel[account],
        created_at=created_at,
        account=account,
        province=province[ring[account]] if len(account) else account,
        order_type=np.full(len(account), SALE),
        sku=sku,
        quantity=np.ones(len(account), dtype=np.int64),
        list_price=products.prices_at(sku, created_at),
    )
