"""What the warehouses book: every movement of goods, and where the books and the shelves differ.

Here: one row per movement, made from the stock that the world has. The books tie with the counts to
the unit but for what is planted: pieces that came and vanished unbooked, and returns that were put
back on the shelf and never booked. Stock itself is `stocking.py`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from connectors.sandbox.platforms import SITES, STORE, STORE_SH01, WH_EAST
from connectors.sandbox.stages.stocking import serving_sites
from connectors.sandbox.tables import stacked, taken
from connectors.sandbox.world import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Flags,
    Ints,
    choose_distinct,
    planted_count,
)

if TYPE_CHECKING:
    from connectors.sandbox.retailer import World

MOVEMENT_WORDS: Final = (
    *("RECEIPT", "SALE", "CUSTOMER_RETURN", "TRANSFER_OUT", "TRANSFER_IN", "COUNT"),
)
RECEIPT, SALE, CUSTOMER_RETURN, TRANSFER_OUT, TRANSFER_IN, COUNT = range(6)
NO_LINE: Final = -1
BOOKED_LATER_SHARE: Final = 0.5
BOOKED_WITHIN_DAYS: Final = 5
_MOST_PIECES_LOST = 3
_FIRST_COUNT_OF_LOSSES = 1_000_000
_RECEIVED_AT, _SENT_ON_AT, _ARRIVED_AT, _COUNTED_AT = (*(7 * HOUR, 8 * HOUR, 11 * HOUR, 21 * HOUR),)


@dataclass(frozen=True)
class Movements:
    """One element per movement: pieces that came (positive) or left (negative), local seconds.

    `line` is the row in `Lines` of the goods that a customer got or sent back, else `NO_LINE`; the
    two rows of a transfer share a `document`.
    """

    kind: Ints
    site: Ints
    sku: Ints
    quantity: Ints
    moved_at: Ints
    line: Ints
    document: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Losses:
    """Pieces that vanished on the day they came: booked with a count on a later day, or `NEVER`."""

    site: Ints
    sku: Ints
    pieces: Ints
    day: Ints
    booked_day: Ints

    def __len__(self) -> int:
        return len(self.site)


@dataclass(frozen=True)
class Books:
    """The movements as booked, the losses, and the returns that nobody booked."""

    movements: Movements
    losses: Losses
    unbooked_returns: Movements


def book_movements(world: "World") -> Books:
    """The books of all sites up to the end of the world; on the first day, they are right."""
    config, stock = world.config, world.stock
    random = config.random("books")
    share = config.scenario.shrinkage_share
    losses = _lose(random, stock.received, share, config.days)
    received = stock.received.copy()
    np.add.at(received, (losses.day, losses.site, losses.sku), losses.pieces)
    returns = _returns(world)
    restocked = np.flatnonzero(config.day_numbers(returns.moved_at) > 0)
    forgotten = choose_distinct(random, restocked, planted_count(share, len(restocked)))
    is_booked: Flags = np.ones(len(returns), dtype=np.bool_)
    is_booked[forgotten] = False
    parts = (
        *_supplies(config.start_second, received),
        _issues(world),
        taken(returns, is_booked),
        _counts(config.start_second, stock.adjusted),
        _counts_of_losses(config.start_second, losses),
    )
    movements = parts[0]
    for part in parts[1:]:
        movements = stacked(movements, part)
    in_order = np.lexsort((movements.kind, movements.document, movements.moved_at))
    return Books(taken(movements, in_order), losses, taken(returns, ~is_booked))


def describe_books(world: "World", books: Books) -> dict[str, Any]:
    """Truth about the goods: the last counts by site and SKU, what is booked, what differs."""
    config, stock, movements = world.config, world.stock, books.movements
    skus = world.products.skus
    units: Counter[str] = Counter()
    for word, pieces in zip(
        np.array(MOVEMENT_WORDS)[movements.kind].tolist(), movements.quantity.tolist(), strict=True
    ):
        units[word] += pieces
    return {
        "movements": len(movements),
        "units_by_type": dict(units),
        "last_day": {
            name: {
                skus[sku]: [
                    int(figures[-1, site, sku])
                    for figures in (stock.on_hand, stock.reserved, stock.inbound)
                ]
                for sku in np.flatnonzero(stock.carried[site]).tolist()
            }
            for site, name in enumerate(SITES)
        },
        "losses": [
            {
                "site": SITES[site],
                "sku": skus[sku],
                "pieces": pieces,
                "lost_on": str(config.date_of(day)),
                "booked_on": None if booked == NEVER else str(config.date_of(booked)),
            }
            for site, sku, pieces, day, booked in zip(
                *(getattr(books.losses, name).tolist() for name in ("site", "sku", "pieces")),
                *(getattr(books.losses, name).tolist() for name in ("day", "booked_day")),
                strict=True,
            )
        ],
        "unbooked_returns": [
            {"site": SITES[site], "sku": skus[sku], "pieces": pieces, "returned_on": str(day)}
            for site, sku, pieces, day in zip(
                books.unbooked_returns.site.tolist(),
                books.unbooked_returns.sku.tolist(),
                books.unbooked_returns.quantity.tolist(),
                map(
                    config.date_of,
                    config.day_numbers(books.unbooked_returns.moved_at).tolist(),
                ),
                strict=True,
            )
        ],
    }


def _lose(random: np.random.Generator, received: Ints, share: float, days: int) -> Losses:
    """Choose deliveries of which pieces vanish, never on the first day."""
    deliveries = np.argwhere(received[1:] > 0) + np.array([1, 0, 0])
    chosen = choose_distinct(
        random, np.arange(len(deliveries)), planted_count(share, len(deliveries))
    )
    day, site, sku = deliveries[chosen].T
    later = day + random.integers(1, BOOKED_WITHIN_DAYS + 1, len(chosen))
    is_found = (random.random(len(chosen)) < BOOKED_LATER_SHARE) & (later < days)
    return Losses(
        site=site,
        sku=sku,
        pieces=random.integers(1, _MOST_PIECES_LOST + 1, len(chosen)),
        day=day,
        booked_day=np.where(is_found, later, NEVER),
    )


def _supplies(start: int, received: Ints) -> tuple[Movements, Movements, Movements]:
    """Deliveries of suppliers; what is for the store comes by way of the eastern warehouse."""
    day, site, sku = np.nonzero(received)
    quantity = received[day, site, sku]
    document = np.arange(len(day))
    through = site == STORE_SH01

    def booked(kind: int, sites: Ints, pieces: Ints, at: int, rows: Flags) -> Movements:
        return _movements(
            kind,
            site=sites,
            sku=sku,
            quantity=pieces,
            moved_at=start + day * DAY + at + document % 50 * MINUTE,
            document=document,
            rows=rows,
        )

    everything = np.ones(len(day), dtype=np.bool_)
    at_warehouse = np.where(through, WH_EAST, site)
    return (
        booked(RECEIPT, at_warehouse, quantity, _RECEIVED_AT, everything),
        booked(TRANSFER_OUT, at_warehouse, -quantity, _SENT_ON_AT, through),
        booked(TRANSFER_IN, site, quantity, _ARRIVED_AT, through),
    )


def _issues(world: "World") -> Movements:
    """What was handed over or sent, by order line, and what went out in exchange."""
    orders, lines, journeys = world.orders, world.lines, world.journeys
    in_store = orders.channel == STORE
    handed_over_at = np.where(in_store, journeys.paid_at, journeys.shipped_at)[lines.order]
    site = serving_sites(orders)[lines.order]
    every, exchanged = np.arange(len(lines)), world.exchanges.line
    sold = _movements(
        SALE,
        site=site,
        sku=lines.sku,
        quantity=-lines.quantity,
        moved_at=handed_over_at,
        document=every,
        line=every,
    )
    swapped = _movements(
        SALE,
        site=site[exchanged],
        sku=lines.sku[exchanged],
        quantity=np.full(len(exchanged), -1),
        moved_at=world.exchanges.shipped_at,
        document=len(lines) + np.arange(len(exchanged)),
        line=exchanged,
    )
    return _until(world, stacked(sold, swapped))


def _returns(world: "World") -> Movements:
    """What came back and can be sold again."""
    refunds, lines, exchanges = world.refunds, world.lines, world.exchanges
    site = serving_sites(world.orders)[lines.order]
    refunded = _movements(
        CUSTOMER_RETURN,
        site=site[refunds.line],
        sku=lines.sku[refunds.line],
        quantity=refunds.quantity,
        moved_at=np.where(refunds.restocks & ~refunds.rejected, refunds.decided_at, NEVER),
        document=np.arange(len(refunds)),
        line=refunds.line,
    )
    exchanged = _movements(
        CUSTOMER_RETURN,
        site=site[exchanges.line],
        sku=lines.sku[exchanges.line],
        quantity=np.ones(len(exchanges), dtype=np.int64),
        moved_at=np.where(exchanges.restocks, exchanges.received_at, NEVER),
        document=len(refunds) + np.arange(len(exchanges)),
        line=exchanges.line,
    )
    return _until(world, stacked(refunded, exchanged))


def _counts(start: int, adjusted: Ints) -> Movements:
    day, site, sku = np.nonzero(adjusted)
    return _movements(
        COUNT,
        site=site,
        sku=sku,
        quantity=adjusted[day, site, sku],
        moved_at=start + day * DAY + _COUNTED_AT,
        document=np.arange(len(day)),
    )


def _counts_of_losses(start: int, losses: Losses) -> Movements:
    found = losses.booked_day != NEVER
    return _movements(
        COUNT,
        site=losses.site,
        sku=losses.sku,
        quantity=-losses.pieces,
        moved_at=start + np.where(found, losses.booked_day, 0) * DAY + _COUNTED_AT + HOUR,
        document=_FIRST_COUNT_OF_LOSSES + np.arange(len(losses)),
        rows=found,
    )


def _movements(
    kind: int,
    *,
    site: Ints,
    sku: Ints,
    quantity: Ints,
    moved_at: Ints,
    document: Ints,
    line: Ints | None = None,
    rows: Flags | None = None,
) -> Movements:
    made = Movements(
        kind=np.full(len(site), kind),
        site=site,
        sku=sku,
        quantity=quantity,
        moved_at=moved_at,
        line=np.full(len(site), NO_LINE) if line is None else line,
        document=document,
    )
    return made if rows is None else taken(made, rows)


def _until(world: "World", movements: Movements) -> Movements:
    return taken(movements, movements.moved_at <= world.config.end_second)
