"""Who delivers what at which price, and the purchase orders behind what the warehouses reorder.

Here: suppliers, their offers and the orders made from the stock that a finished world has; they
change nothing in it. What a short day buys in on the spot is bought without an order.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from connectors.sandbox.platforms import SITES
from connectors.sandbox.stages.catalogue import CATEGORIES, Products
from connectors.sandbox.stages.stocking import DAYS_SHORT
from connectors.sandbox.world import DAY, HOUR, MINUTE, NEVER, Ints, WorldConfig

if TYPE_CHECKING:
    from connectors.sandbox.retailer import World

PURCHASE_STATES: Final = ("ordered", "partially_received", "received", "cancelled")
ORDERED, PARTIALLY_RECEIVED, RECEIVED, CANCELLED = range(4)
OPEN_LINE, RECEIVED_LINE = range(2)
TERMS_DAYS: Final = (30, 45, 60)
SECOND_OFFER_SHARE: Final = 0.1
POOR_CATEGORY: Final = "kids_apparel"
"""Its last supplier, where it has several, delivers the articles that come back most."""
_FIGURES = ("supplier_no", "offers", "lines", "received_units", "refunds", "exchanges")
_POOR_SHARE = 1 / 3
_DEARER_PERCENT = (104, 113)
_SOONER_DAYS = 2
_MINIMUM_YUAN = (500, 1_000, 2_000, 5_000)
_ORDERED_AT, _CANCELLED_AT, _RECEIVED_AT = 18 * HOUR, 20 * HOUR, 8 * HOUR


@dataclass(frozen=True)
class Suppliers:
    """One element per supplier; `minimum_fen` is the least that it delivers for."""

    category: Ints
    terms_days: Ints
    minimum_fen: Ints
    lead_time_days: Ints

    def __len__(self) -> int:
        return len(self.category)


@dataclass(frozen=True)
class Offers:
    """One element per price: the first of every SKU in their order, then the second ones."""

    supplier: Ints
    sku: Ints
    unit_price: Ints
    lead_time_days: Ints
    priority: Ints

    def __len__(self) -> int:
        return len(self.sku)


@dataclass(frozen=True)
class Purchases:
    """One element per line, and per order those named `order_`; times are local seconds.

    `order` is the row of the line's order; `received_at` is `NEVER` for what has not come.
    """

    order: Ints
    line_no: Ints
    sku: Ints
    quantity: Ints
    promised_day: Ints
    received_at: Ints
    order_supplier: Ints
    order_site: Ints
    order_placed_at: Ints
    order_first_received_at: Ints
    order_last_received_at: Ints
    order_cancelled_at: Ints


@dataclass(frozen=True)
class Supply:
    """Who could deliver, and what was ordered."""

    suppliers: Suppliers
    offers: Offers
    purchases: Purchases


def simulate_supply(world: "World") -> Supply:
    """The suppliers of a world, what they ask and what was ordered from them up to its end."""
    config, products = world.config, world.products
    random = config.random("suppliers")
    count = config.scenario.suppliers
    home = np.arange(count) % len(CATEGORIES)
    first = _first_suppliers(random, products, home)
    share = SECOND_OFFER_SHARE if count > 1 else 0.0
    second = np.flatnonzero(random.random(len(products)) < share)
    other = (first[second] + random.integers(1, max(count, 2), len(second))) % count
    dearer = random.integers(*_DEARER_PERCENT, len(second))
    offers = Offers(
        supplier=np.concatenate([first, other]),
        sku=np.concatenate([np.arange(len(products)), second]),
        unit_price=np.concatenate(
            [products.unit_cost, products.unit_cost[second] * dearer // 100],
        ),
        lead_time_days=np.concatenate(
            [
                products.lead_time_days,
                np.maximum(products.lead_time_days[second] - _SOONER_DAYS, 1),
            ]
        ),
        priority=np.repeat([1, 2], [len(products), len(second)]),
    )
    usual = [offers.lead_time_days[offers.supplier == number] for number in range(count)]
    suppliers = Suppliers(
        category=home,
        terms_days=random.choice(TERMS_DAYS, count),
        minimum_fen=random.choice(_MINIMUM_YUAN, count) * 100,
        lead_time_days=np.array([int(np.median(days)) if len(days) else 7 for days in usual]),
    )
    return Supply(suppliers, offers, _orders(world, first))


def supplier_numbers(count: int) -> list[str]:
    """The numbers of all suppliers, such as SUP003."""
    return [f"SUP{number:03d}" for number in range(1, count + 1)]


def describe_supply(world: "World", supply: Supply) -> dict[str, Any]:
    """Truth about suppliers: what each offers, what was ordered, what came back of its goods."""
    config, purchases, offers = world.config, supply.purchases, supply.offers
    numbers = supplier_numbers(len(supply.suppliers))
    states = order_states(purchases)[purchases.order]
    came = purchases.received_at != NEVER
    is_open = ~came & (states != CANCELLED)
    alone = np.bincount(offers.sku, minlength=len(world.products)) == 1
    first = offers.supplier[: len(world.products)]
    refunded = world.lines.sku[world.refunds.line]
    exchanged = world.lines.sku[world.exchanges.line]

    def by_supplier(supplier: Ints, weights: Ints | None = None) -> list[int]:
        sums = np.bincount(supplier, weights=weights, minlength=len(numbers))
        return [int(figure) for figure in sums]

    supplier = purchases.order_supplier[purchases.order]
    return {
        "orders": len(purchases.order_site),
        "lines": len(purchases.order),
        "offers": len(offers),
        "orders_by_status": {
            name: int((order_states(purchases) == state).sum())
            for state, name in enumerate(PURCHASE_STATES)
        },
        "open_units": {
            name: int(purchases.quantity[is_open & (_site_of(purchases) == site)].sum())
            for site, name in enumerate(SITES)
        },
        "late_lines": int(
            (came & (config.day_numbers(purchases.received_at) > purchases.promised_day)).sum()
        ),
        "suppliers": [
            dict(zip(_FIGURES, figures, strict=True))
            for figures in zip(
                numbers,
                by_supplier(offers.supplier),
                by_supplier(supplier),
                by_supplier(supplier[came], purchases.quantity[came]),
                by_supplier(first[refunded[alone[refunded]]]),
                by_supplier(first[exchanged[alone[exchanged]]]),
                strict=True,
            )
        ],
        "poor_supplier": _poor_supplier(supply.suppliers, numbers),
    }


def order_states(purchases: Purchases) -> Ints:
    """Where each order stands at the end of the world."""
    states = np.full(len(purchases.order_site), ORDERED)
    states[purchases.order_first_received_at != NEVER] = PARTIALLY_RECEIVED
    states[purchases.order_last_received_at != NEVER] = RECEIVED
    states[purchases.order_cancelled_at != NEVER] = CANCELLED
    return states


def _site_of(purchases: Purchases) -> Ints:
    return purchases.order_site[purchases.order]


def _poor_supplier(suppliers: Suppliers, numbers: list[str]) -> str | None:
    slugs = [category.slug for category in CATEGORIES]
    members = np.flatnonzero(suppliers.category == slugs.index(POOR_CATEGORY))
    return numbers[members[-1]] if len(members) > 1 else None


def _first_suppliers(random: np.random.Generator, products: Products, home: Ints) -> Ints:
    """Whom each SKU is bought from: one of its category's, whoever there is without one."""
    drawn = random.random(len(products))
    first = np.zeros(len(products), dtype=np.int64)
    for number, category in enumerate(CATEGORIES):
        mine = np.flatnonzero(products.category == number)
        members = np.flatnonzero(home == number)
        if not len(members):
            members = np.array([number % len(home)])
        if category.slug == POOR_CATEGORY and len(members) > 1:
            poor = max(1, round(_POOR_SHARE * len(mine)))
            worst = mine[np.argsort(products.return_effect[mine], kind="stable")[-poor:]]
            first[mine] = members[(drawn[mine] * (len(members) - 1)).astype(np.int64)]
            first[worst] = members[-1]
        else:
            first[mine] = members[(drawn[mine] * len(members)).astype(np.int64)]
    return first


def _orders(world: "World", first: Ints) -> Purchases:
    """One order per day, site and supplier; what a supplier called off is on orders of its own."""
    config, stock = world.config, world.stock
    day, site, sku = np.nonzero(stock.ordered)
    due = stock.due_day[day, site, sku]
    is_cancelled = due == NEVER
    key = ((day * len(SITES) + site) * (int(first.max()) + 1) + first[sku]) * 2 + is_cancelled
    by_order = np.argsort(key, kind="stable")
    day, site, sku, due, is_cancelled = (
        values[by_order] for values in (day, site, sku, due, is_cancelled)
    )
    _, first_line, order = np.unique(key[by_order], return_index=True, return_inverse=True)
    arrives_at = _at(config, np.minimum(due, config.days), _RECEIVED_AT)
    received_at = np.where(is_cancelled, NEVER, config.happened(arrives_at))
    earliest = np.full(len(first_line), NEVER)
    np.minimum.at(earliest, order, received_at)
    latest = np.zeros(len(first_line), dtype=np.int64)
    np.maximum.at(latest, order, received_at)
    minute = np.arange(len(first_line)) % 60 * MINUTE
    called_off_at = config.start_second + (config.days - DAYS_SHORT) * DAY + _CANCELLED_AT
    return Purchases(
        order=order,
        line_no=np.arange(len(order)) - first_line[order] + 1,
        sku=sku,
        quantity=stock.ordered[day, site, sku],
        promised_day=day + world.products.lead_time_days[sku],
        received_at=received_at,
        order_supplier=first[sku[first_line]],
        order_site=site[first_line],
        order_placed_at=_at(config, day[first_line], _ORDERED_AT) + minute,
        order_first_received_at=earliest,
        order_last_received_at=latest,
        order_cancelled_at=np.where(is_cancelled[first_line], called_off_at, NEVER),
    )


def _at(config: WorldConfig, day: Ints, second: int) -> Ints:
    return config.start_second + day * DAY + second
