"""Adds orders to those that a stage before has drawn: what regularities need beyond plain demand.

Here: trade (orders, lines and journeys that belong together) and how two of them become one. All
orders stay in the order of creation and are numbered anew, so a row's number of before is told too.
"""

from dataclasses import dataclass, replace

import numpy as np

from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Lines, Orders, number_orders
from connectors.sandbox.tables import stacked, taken
from connectors.sandbox.world import Ints, WorldConfig


@dataclass(frozen=True)
class Trade:
    """Orders with their lines and journeys; see each table for what a row is."""

    orders: Orders
    lines: Lines
    journeys: Journeys


def single_line_orders(
    config: WorldConfig,
    *,
    channel: Ints,
    created_at: Ints,
    account: Ints,
    province: Ints,
    order_type: Ints,
    sku: Ints,
    quantity: Ints,
    list_price: Ints,
) -> tuple[Orders, Lines]:
    """Orders of one line each at the list price; their numbers come when they are added."""
    count = len(channel)
    every, ones = np.arange(count), np.ones(count, dtype=np.int64)
    lines = Lines(
        order=every,
        line_no=ones,
        sku=sku,
        quantity=quantity,
        list_price=list_price,
        unit_price=list_price,
        discount_percent=100 * ones,
        amount=list_price * quantity,
    )
    orders = Orders(
        channel=channel,
        day=config.day_numbers(created_at),
        created_at=created_at,
        account=account,
        order_type=order_type,
        province=province,
        number=np.zeros(count, dtype=np.int64),
        total=lines.amount,
        first_line=every,
        line_count=ones,
    )
    return orders, lines


def add_trade(config: WorldConfig, trade: Trade, added: Trade, stage: str) -> tuple[Trade, Ints]:
    """Both together, and in which row each order stands now: those of `trade`, then those added.

    Args:
        config: the world.
        trade: what there is.
        added: what comes to it.
        stage: names the stream of the new order numbers.
    """
    count = len(trade.orders)
    created_at = np.concatenate([trade.orders.created_at, added.orders.created_at])
    by_time = np.argsort(created_at, kind="stable")
    row = np.empty(len(by_time), dtype=np.int64)
    row[by_time] = np.arange(len(by_time))
    orders = taken(stacked(trade.orders, added.orders), by_time)
    owner = row[np.concatenate([trade.lines.order, added.lines.order + count])]
    by_order = np.argsort(owner, kind="stable")
    lines = replace(taken(stacked(trade.lines, added.lines), by_order), order=owner[by_order])
    orders = replace(
        orders,
        number=number_orders(config.random(stage), orders.channel),
        first_line=np.cumsum(orders.line_count) - orders.line_count,
    )
    journeys = taken(stacked(trade.journeys, added.journeys), by_time)
    return Trade(orders, lines, journeys), row
