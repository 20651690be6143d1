"""The simulated retailer: runs the stages one after the other and holds the tables of truth.

Here: `World` and `simulate`. Files are written by `build.py`; figures of truth by `truth.py`.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from connectors.sandbox.platforms import (
    ALLOCATED,
    AWAITING,
    CANCELLED,
    COMPLETED,
    PAID,
    SAMPLE,
    SHIPPED,
    STORE,
)
from connectors.sandbox.stages.adding import Trade
from connectors.sandbox.stages.catalogue import Products, change_prices, simulate_products
from connectors.sandbox.stages.exchanging import Exchanges, simulate_exchanges
from connectors.sandbox.stages.following import plant_follow_ups
from connectors.sandbox.stages.fraud import claim_empty_boxes, plant_rings
from connectors.sandbox.stages.fulfilment import Journeys, simulate_journeys
from connectors.sandbox.stages.ordering import Lines, Orders, Plan, simulate_orders
from connectors.sandbox.stages.parcelling import Parcels, split_orders
from connectors.sandbox.stages.people import Accounts, register_accounts, simulate_accounts
from connectors.sandbox.stages.returning import Refunds, fully_refunded_at, simulate_refunds
from connectors.sandbox.stages.stocking import Stock, simulate_stock
from connectors.sandbox.tables import taken
from connectors.sandbox.world import NEVER, Floats, Ints, WorldConfig


@dataclass(frozen=True)
class World:
    """The tables of truth at the end of the last day: what really happened, without defects.

    `state_times` is order states x orders: when each order entered each state, `NEVER` if it did
    not; `state` is where it stands at the end. `refunded` is fen granted back by the end.
    `ring` is the fraud ring of each account, -1 for honest ones.
    """

    config: WorldConfig
    products: Products
    accounts: Accounts
    orders: Orders
    lines: Lines
    plan: Plan
    journeys: Journeys
    refunds: Refunds
    stock: Stock
    exchanges: Exchanges
    second_parcels: Parcels
    ring: Ints
    return_chance: Floats
    state_times: Ints
    state: Ints
    paid: Ints
    refunded: Ints


def simulate(config: WorldConfig) -> World:
    """Simulate the whole window; the same configuration gives the same world."""
    products = change_prices(config, simulate_products(config))
    accounts = simulate_accounts(config)
    orders, lines, plan = simulate_orders(config, products, accounts)
    trade = Trade(orders, lines, simulate_journeys(config, orders))
    trade, ring, large_orders = _with_planted_orders(
        config, products, accounts, trade, plan.large_orders
    )
    plan = replace(plan, large_orders=large_orders)
    orders, lines, journeys = trade.orders, trade.lines, trade.journeys
    accounts = register_accounts(config, accounts, orders.account, orders.created_at)
    refunds, chance = simulate_refunds(
        config,
        products=products,
        accounts=accounts,
        orders=orders,
        lines=lines,
        journeys=journeys,
    )
    if config.scenario.fraud_order_share > 0:
        refunds = claim_empty_boxes(
            config, orders=orders, lines=lines, journeys=journeys, refunds=refunds, ring=ring
        )
    exchanges = simulate_exchanges(
        config, products=products, orders=orders, lines=lines, journeys=journeys, refunds=refunds
    )
    second_parcels = split_orders(config, orders, journeys)
    state_times = _state_times(config, orders, journeys, fully_refunded_at(orders, lines, refunds))
    journeys = _until_the_end(config, journeys)
    refunds = _refunds_until_the_end(config, refunds)
    stock = simulate_stock(
        config,
        products=products,
        orders=orders,
        lines=lines,
        journeys=journeys,
        refunds=refunds,
        exchanges=exchanges,
    )
    entered = np.where(state_times == NEVER, -1, state_times)
    # The last of equal times wins: states are listed in the order in which they are entered.
    state = len(entered) - 1 - np.argmax(entered[::-1], axis=0)
    granted = refunds.decided_at != NEVER
    granted &= ~refunds.rejected
    refunded = np.zeros(len(orders), dtype=np.int64)
    np.add.at(refunded, refunds.order[granted], refunds.amount[granted])
    return World(
        config=config,
        products=products,
        accounts=accounts,
        orders=orders,
        lines=lines,
        plan=plan,
        journeys=journeys,
        refunds=refunds,
        stock=stock,
        exchanges=exchanges,
        second_parcels=second_parcels,
        ring=ring,
        return_chance=chance,
        state_times=state_times,
        state=state.astype(np.int64),
        paid=np.where(journeys.paid_at != NEVER, orders.total, 0),
        refunded=refunded,
    )


def _with_planted_orders(
    config: WorldConfig, products: Products, accounts: Accounts, trade: Trade, marked: Ints
) -> tuple[Trade, Ints, Ints]:
    """The trade with what the scenario adds, each account's fraud ring, and the marked rows."""
    ring = np.full(len(accounts), -1, dtype=np.int64)
    if config.scenario.follow_up_share > 0:
        trade, row = plant_follow_ups(config, products, accounts, trade)
        marked = row[marked]
    if config.scenario.fraud_order_share > 0:
        trade, row, ring = plant_rings(config, products, accounts, trade)
        marked = row[marked]
    return trade, ring, marked


def _state_times(config: WorldConfig, orders: Orders, journeys: Journeys, emptied: Ints) -> Ints:
    """When each order entered each state on its platform, up to the end of the world."""
    in_store = orders.channel == STORE
    never = np.full(len(orders), NEVER)
    times = np.empty((6, len(orders)), dtype=np.int64)
    sample = orders.order_type == SAMPLE
    times[AWAITING] = orders.created_at
    times[PAID] = np.where(sample, orders.created_at, journeys.paid_at)
    times[ALLOCATED] = journeys.allocated_at
    times[SHIPPED] = journeys.shipped_at
    times[COMPLETED] = np.where(in_store, journeys.paid_at, journeys.completed_at)
    # A refund of everything closes an order, unless the platform has already completed it.
    closes = np.where(in_store | (emptied >= times[COMPLETED]), never, emptied)
    times[CANCELLED] = np.minimum(closes, journeys.closed_at)
    times[COMPLETED] = np.where(times[CANCELLED] != NEVER, NEVER, times[COMPLETED])
    return config.happened(times)


def _until_the_end(config: WorldConfig, journeys: Journeys) -> Journeys:
    clipped: dict[str, Any] = {
        field.name: config.happened(getattr(journeys, field.name))
        for field in fields(Journeys)
        if field.name.endswith("_at") and field.name != "promised_at"
    }
    return replace(journeys, **clipped)


def _refunds_until_the_end(config: WorldConfig, refunds: Refunds) -> Refunds:
    """Only what was requested by the end; what is decided later is still open."""
    requested = refunds.requested_at <= config.end_second
    kept = taken(refunds, requested)
    return replace(kept, decided_at=config.happened(kept.decided_at))
