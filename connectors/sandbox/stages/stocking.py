"""The stock ledger: on hand, reserved and inbound per product and site, day by day.

Every day: on hand = yesterday's + received + restocked + adjusted - issued, and never negative.
What a day needs beyond its stock is bought in on the spot, so the day ends at 0: a stock-out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import PROVINCES, SITES, STORE, STORE_SH01, WH_EAST, WH_NORTH
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.stages.exchanging import Exchanges
from connectors.sandbox.stages.fulfilment import Journeys
from connectors.sandbox.stages.ordering import Lines, Orders
from connectors.sandbox.stages.returning import Refunds
from connectors.sandbox.world import NEVER, Flags, Floats, Ints, WorldConfig, choose_distinct

REVIEW_BUFFER_DAYS: Final = 5
ORDER_COVERS_DAYS: Final = 14
SUPPLIER_DELAYS: Final = (0, 1, 2, 12)
_SUPPLIER_DELAY_SHARES = (0.58, 0.20, 0.14, 0.08)
PLANTED_SHORTAGE_SHARE: Final = 0.04
_SHORTAGE_SITE = WH_EAST
DAYS_SHORT: Final = 2


@dataclass(frozen=True)
class Stock:
    """Arrays of days x sites x SKUs; `carried` (sites x SKUs) says which pairs exist at all.

    `ordered` is what was reordered on a day, `due_day` the day on which that comes: `NEVER` if the
    supplier called it off, nothing is meant where nothing was ordered.
    """

    carried: Flags
    opening: Ints
    received: Ints
    issued: Ints
    restocked: Ints
    adjusted: Ints
    on_hand: Ints
    reserved: Ints
    inbound: Ints
    ordered: Ints
    due_day: Ints
    shortage_skus: Ints


def simulate_stock(
    config: WorldConfig,
    *,
    products: Products,
    orders: Orders,
    lines: Lines,
    journeys: Journeys,
    refunds: Refunds,
    exchanges: Exchanges,
) -> Stock:
    """Replay what was taken and brought back under a periodic replenishment policy."""
    random = config.random("stock")
    site = serving_sites(orders)
    add_up = _Movements(config, len(products), site, lines)
    in_store = orders.channel == STORE
    handed_over_at = np.where(in_store, journeys.paid_at, journeys.shipped_at)
    reserved_at = np.where(journeys.paid_at == NEVER, journeys.shipped_at, journeys.paid_at)
    sample = (orders.order_type != 0) & ~in_store
    reserved_at = np.where(sample, orders.created_at, reserved_at)
    issued = add_up.of_orders(handed_over_at) + add_up.of_pieces(
        exchanges.shipped_at, exchanges.line
    )
    reserved = np.cumsum(
        add_up.of_orders(np.where(in_store, NEVER, reserved_at))
        - add_up.of_orders(np.where(in_store, NEVER, journeys.shipped_at))
        - add_up.of_orders(journeys.cancelled_at),
        axis=0,
    )
    again = np.where(exchanges.restocks, exchanges.received_at, NEVER)
    restocked = add_up.of_refunds(refunds) + add_up.of_pieces(again, exchanges.line)
    carried = np.ones((len(SITES), len(products)), dtype=np.bool_)
    carried[STORE_SH01] = products.channel_weights[STORE] > 0
    pace = issued.mean(axis=0)
    candidates = np.argsort(pace[_SHORTAGE_SITE], kind="stable")[-len(products) // 4 :]
    planted = round(PLANTED_SHORTAGE_SHARE * len(products)) if config.days > DAYS_SHORT else 0
    shortage = choose_distinct(random, np.sort(candidates), planted)
    return _replenish(
        config,
        random,
        products,
        pace=pace,
        carried=carried,
        issued=issued,
        restocked=restocked,
        reserved=reserved,
        shortage=shortage,
    )


def serving_sites(orders: Orders) -> Ints:
    """The site that each order's goods leave from."""
    northern = np.array([north for _, _, north in PROVINCES])[orders.province]
    warehouse = np.where(northern, WH_NORTH, WH_EAST)
    return np.where(orders.channel == STORE, STORE_SH01, warehouse)


class _Movements:
    """Adds up pieces per day, site and SKU."""

    def __init__(self, config: WorldConfig, sku_count: int, site: Ints, lines: Lines) -> None:
        self._config = config
        self._shape = (config.days, len(SITES), sku_count)
        self._lines = lines
        self._pair = site[lines.order] * sku_count + lines.sku

    def of_orders(self, order_times: Ints) -> Ints:
        """The pieces of all lines of the orders, on the day of each order's time."""
        return self._sum(order_times[self._lines.order], self._pair, self._lines.quantity)

    def of_refunds(self, refunds: Refunds) -> Ints:
        """The pieces that came back, on the day the refund was granted."""
        times = np.where(refunds.restocks & ~refunds.rejected, refunds.decided_at, NEVER)
        return self._sum(times, self._pair[refunds.line], refunds.quantity)

    def of_pieces(self, times: Ints, line: Ints) -> Ints:
        """One piece of each line, on the day of the time beside it."""
        return self._sum(times, self._pair[line], np.ones(len(line), dtype=np.int64))

    def _sum(self, times: Ints, pair: Ints, quantity: Ints) -> Ints:
        happened = np.flatnonzero(times <= self._config.end_second)
        day = self._config.day_numbers(times[happened])
        size = int(np.prod(self._shape))
        # Sums of whole numbers far below 2^53 are exact in the floats that bincount returns.
        sums = np.bincount(
            day * (self._shape[1] * self._shape[2]) + pair[happened],
            weights=quantity[happened],
            minlength=size,
        )
        return sums.astype(np.int64).reshape(self._shape)


def _replenish(
    config: WorldConfig,
    random: np.random.Generator,
    products: Products,
    *,
    pace: Floats,
    carried: Flags,
    issued: Ints,
    restocked: Ints,
    reserved: Ints,
    shortage: Ints,
) -> Stock:
    """Walk the days: one step per day over all sites and SKUs at once."""
    pack = products.pack_size
    cover = products.lead_time_days + REVIEW_BUFFER_DAYS
    reorder_point = np.ceil(pace * cover + 2 * np.sqrt(pace * cover)).astype(np.int64) + 2
    order_up_to = reorder_point + np.ceil(pace * ORDER_COVERS_DAYS).astype(np.int64) + pack
    opening = (order_up_to * (0.55 + 0.45 * random.random(pace.shape))).astype(np.int64) * carried
    longest = int(products.lead_time_days.max()) + max(SUPPLIER_DELAYS) + 1
    arrivals = np.zeros((config.days + longest, *pace.shape), dtype=np.int64)
    received, adjusted, on_hand, inbound, placed = (np.zeros_like(issued) for _ in range(5))
    due_day = np.full_like(issued, NEVER)
    site_index, sku_index = np.indices(pace.shape)
    level, on_order = opening.copy(), np.zeros_like(opening)
    short = np.zeros(pace.shape, dtype=np.bool_)
    short[_SHORTAGE_SITE, shortage] = True
    for day in range(config.days):
        arriving = arrivals[day]
        on_order = on_order - arriving
        level = level + arriving + restocked[day] - issued[day]
        bought_in = np.maximum(-level, 0)
        level = level + bought_in
        if day >= config.days - DAYS_SHORT:
            # A stock count finds nothing and the supplier cancels: the planted shortages.
            adjusted[day] = np.where(short, -level, 0)
            level = level + adjusted[day]
            arrivals[day + 1 :, short] = 0
            due_day[(due_day > day) & short] = NEVER
            on_order = np.where(short, 0, on_order)
        received[day] = arriving + bought_in
        on_hand[day] = level
        position = level - reserved[day] + on_order
        orders_now = carried & (position <= reorder_point)
        if day >= config.days - DAYS_SHORT:
            orders_now &= ~short
        packs = -(-(order_up_to - position) // pack)
        ordered = np.where(orders_now, packs * pack, 0)
        delay = random.choice(SUPPLIER_DELAYS, pace.shape, p=_SUPPLIER_DELAY_SHARES)
        due = day + products.lead_time_days + delay
        np.add.at(arrivals, (due, site_index, sku_index), ordered)
        placed[day], due_day[day] = ordered, due
        on_order = on_order + ordered
        inbound[day] = on_order
    return Stock(
        carried=carried,
        opening=opening,
        received=received,
        issued=issued,
        restocked=restocked,
        adjusted=adjusted,
        on_hand=on_hand,
        reserved=reserved,
        inbound=inbound,
        ordered=placed,
        due_day=due_day,
        shortage_skus=shortage,
    )
