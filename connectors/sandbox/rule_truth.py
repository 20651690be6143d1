"""Truth about rules: what six rules of the starter pack would have decided over the whole world.

Counted from the tables of truth and from which state of an order each day's file shows, with the
rules' shipped parameters. Orders of wholesale customers have a truth of their own.
"""

from collections import Counter
from typing import Any

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.files.records import Records
from connectors.sandbox.parcel_table import list_parcels
from connectors.sandbox.platforms import CANCELLED, SALE
from connectors.sandbox.retailer import World
from connectors.sandbox.world import DAY, NEVER, Ints

AMOUNT_TIERS_FEN = {
    "board": 10_000_000,
    "chief_financial_officer": 5_000_000,
    "general_manager": 1_000_000,
    "supervisor": 500_000,
}
_AMOUNT_WINDOW_DAYS = 7
_SAMPLE_MOST_FEN = 500_000
_COUPON_DELAY = DAY
_MINIMUM_STOCK = 50
_STOCK_COOLDOWN_DAYS = 7


def describe_rules(world: World, plan: DefectPlan, records: dict[str, Records]) -> dict[str, Any]:
    """Decisions a rule, and of the approvals by who is asked."""
    tiers = _approvals(world, plan, records["orders"])
    return {
        "approve_order_amount": {"decisions": sum(tiers.values()), "branches": tiers},
        "release_sample_order": {"decisions": _samples(world, records["orders"])},
        "notify_new_order": {"decisions": int((world.orders.order_type == SALE).sum())},
        "notify_shipped": {"decisions": _shipped(world)},
        "coupon_late_delivery": {"decisions": _late_orders(world)},
        "request_purchase_low_stock": {"decisions": _low_stock(world)},
    }


def _approvals(world: World, plan: DefectPlan, shown: Records) -> dict[str, int]:
    """By the amount with which a file first showed an order as large and not cancelled."""
    orders = world.orders
    overcharge = plan.overcharge * world.lines.quantity[orders.first_line]
    edited = np.zeros(len(orders), dtype=np.bool_)
    edited[plan.edited_orders] = True
    is_first_amount = edited[shown.index] & (shown.time < plan.edited_at[shown.index])
    amount = orders.total[shown.index] + np.where(is_first_amount, overcharge[shown.index], 0)
    matches = (
        (orders.order_type[shown.index] == SALE)
        & (shown.kind != CANCELLED)
        & (amount > min(AMOUNT_TIERS_FEN.values()))
        & (shown.time < orders.created_at[shown.index] + _AMOUNT_WINDOW_DAYS * DAY)
    )
    rows = np.flatnonzero(matches)
    rows = rows[np.lexsort((shown.time[rows], shown.index[rows]))]
    _, first = np.unique(shown.index[rows], return_index=True)
    found = Counter(_tier(int(fen)) for fen in amount[rows[first]])
    return {name: found[name] for name in AMOUNT_TIERS_FEN}


def _tier(fen: int) -> str:
    return next(name for name, least in AMOUNT_TIERS_FEN.items() if fen > least)


def _samples(world: World, shown: Records) -> int:
    orders = world.orders
    seen = np.zeros(len(orders), dtype=np.bool_)
    seen[shown.index[shown.kind != CANCELLED]] = True
    is_sample = (orders.order_type != SALE) & (orders.total <= _SAMPLE_MOST_FEN)
    return int((seen & is_sample).sum())


def _shipped(world: World) -> int:
    parcels = list_parcels(world)
    return int(((parcels.shipped_at != NEVER) & (parcels.labelled_at != NEVER)).sum())


def _late_orders(world: World) -> int:
    """Orders with a parcel that was neither there nor back a day after its promise."""
    parcels = list_parcels(world)
    due: Ints = parcels.promised_at + _COUPON_DELAY
    ended = np.minimum(parcels.delivered_at, parcels.refused_at)
    late = (parcels.shipped_at != NEVER) & (due < ended) & (due <= world.config.end_second)
    return len(np.unique(parcels.order[late]))


def _low_stock(world: World) -> int:
    """Requests for what is short at the end of a day, a week apart at least."""
    stock = world.stock
    short = (stock.on_hand - stock.reserved + stock.inbound < _MINIMUM_STOCK) & stock.carried
    requests, next_day = 0, np.zeros(stock.carried.shape, dtype=np.int64)
    for day in range(len(short)):
        asked = short[day] & (next_day <= day)
        requests += int(asked.sum())
        next_day[asked] = day + _STOCK_COOLDOWN_DAYS
    return requests
