"""The planted rule of what buyers buy next: infant formula, then diapers within 90 days.

Of the accounts with a paid order of formula, the configured share follows with a paid order of
diapers; the rest doesn't. Followers who don't buy diapers anyway get one order more, and diapers
that others would have bought become other goods. What lies behind the end hasn't happened.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from connectors.sandbox.platforms import CHANNELS, SALE, SHANGHAI, STORE
from connectors.sandbox.stages.adding import Trade, add_trade, single_line_orders
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.stages.fulfilment import simulate_journeys
from connectors.sandbox.stages.ordering import DEAR_FEN, Lines, Orders
from connectors.sandbox.stages.people import Accounts
from connectors.sandbox.world import DAY, NEVER, Flags, Ints, WorldConfig, choose_weighted

FIRST, THEN = "infant_formula", "diapers"
WITHIN_DAYS: Final = 90
_FOLLOWS_AFTER_DAYS = (4, 88)


@dataclass(frozen=True)
class FollowUps:
    """Who bought the first category and when they followed: one element per account.

    Attributes:
        first_at: creation of the first paid order with the first category; `NEVER` without one.
        followed_at: creation of the first paid order with the second one after that and within
            `WITHIN_DAYS`; `NEVER` if there is none.
    """

    first_at: Ints
    followed_at: Ints


def plant_follow_ups(
    config: WorldConfig, products: Products, accounts: Accounts, trade: Trade
) -> tuple[Trade, Ints]:
    """The trade with the rule in it, and in which row each of the former orders stands now."""
    random = config.random("follow-ups")
    follows = random.random(len(accounts)) < config.scenario.follow_up_share
    found = find_follow_ups(
        products, len(accounts), trade.orders, trade.lines, trade.journeys.paid_at
    )
    trade = _without_strays(random, products, trade, found.first_at, follows)
    wanted = np.flatnonzero(follows & (found.first_at != NEVER) & (found.followed_at == NEVER))
    low, high = _FOLLOWS_AFTER_DAYS
    created_at = found.first_at[wanted] + random.integers(low, high, len(wanted)) * DAY
    created_at += random.integers(0, 3_600, len(wanted))
    happens = created_at <= config.end_second
    wanted, created_at = wanted[happens], created_at[happens]
    channel = accounts.channel[wanted]
    sku = _choose_among(random, products, channel, products.of_category(THEN))
    orders, lines = single_line_orders(
        config,
        channel=channel,
        created_at=created_at,
        account=wanted,
        province=np.where(channel == STORE, SHANGHAI, accounts.province[wanted]),
        order_type=np.full(len(wanted), SALE),
        sku=sku,
        quantity=random.integers(1, 4, len(wanted)),
        list_price=products.prices_at(sku, created_at),
    )
    journeys = simulate_journeys(config, orders, stage="follow-up journeys", everybody_pays=True)
    return add_trade(config, trade, Trade(orders, lines, journeys), "follow-up numbers")


def find_follow_ups(
    products: Products, account_count: int, orders: Orders, lines: Lines, paid_at: Ints
) -> FollowUps:
    """Who bought first and who followed, from the orders themselves."""
    counts = (orders.order_type == SALE) & (orders.account >= 0) & (paid_at != NEVER)
    first = counts & _has(lines, len(orders), products.of_category(FIRST))
    first_at = _earliest(orders, first, account_count)
    then = counts & _has(lines, len(orders), products.of_category(THEN))
    then &= _within(orders, first_at)
    return FollowUps(first_at=first_at, followed_at=_earliest(orders, then, account_count))


def _has(lines: Lines, order_count: int, skus: Flags) -> Flags:
    found: Flags = np.bincount(lines.order[skus[lines.sku]], minlength=order_count) > 0
    return found


def _earliest(orders: Orders, chosen: Flags, account_count: int) -> Ints:
    earliest = np.full(account_count, NEVER)
    np.minimum.at(earliest, orders.account[chosen], orders.created_at[chosen])
    return earliest


def _within(orders: Orders, first_at: Ints) -> Flags:
    """Which orders come after their account's first one and not too late."""
    began = np.where(orders.account >= 0, first_at[orders.account], NEVER)
    since = orders.created_at - np.where(began == NEVER, 0, began)
    within: Flags = (began != NEVER) & (since > 0) & (since <= WITHIN_DAYS * DAY)
    return within


def _without_strays(
    random: np.random.Generator, products: Products, trade: Trade, first_at: Ints, follows: Flags
) -> Trade:
    """Diapers of buyers who don't follow become other goods at their own price."""
    orders, lines = trade.orders, trade.lines
    stray = _within(orders, first_at) & ~follows[orders.account]
    changed = np.flatnonzero(stray[lines.order] & products.of_category(THEN)[lines.sku])
    others = ~products.of_category(FIRST) & ~products.of_category(THEN)
    others &= products.list_price <= DEAR_FEN
    order = lines.order[changed]
    sku, list_price, unit_price = lines.sku.copy(), lines.list_price.copy(), lines.unit_price.copy()
    sku[changed] = _choose_among(random, products, orders.channel[order], others)
    list_price[changed] = products.prices_at(sku[changed], orders.created_at[order])
    unit_price[changed] = list_price[changed] * lines.discount_percent[changed] // 100
    amount = unit_price * lines.quantity
    total = np.zeros(len(orders), dtype=np.int64)
    np.add.at(total, lines.order, amount)
    return replace(
        trade,
        orders=replace(orders, total=total),
        lines=replace(lines, sku=sku, list_price=list_price, unit_price=unit_price, amount=amount),
    )


def _choose_among(
    random: np.random.Generator, products: Products, channel: Ints, allowed: Flags
) -> Ints:
    """SKUs by what sells on each channel, out of the allowed ones."""
    chosen = np.empty(len(channel), dtype=np.int64)
    candidates = np.flatnonzero(allowed)
    for code in range(len(CHANNELS)):
        mine = np.flatnonzero(channel == code)
        weights = products.channel_weights[code, candidates]
        # A store that doesn't carry the category gets it from the warehouse.
        weights = weights if weights.sum() > 0 else np.ones(len(candidates))
        chosen[mine] = candidates[choose_weighted(random, weights, len(mine))]
    return chosen
