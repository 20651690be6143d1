"""The books of stock beside the orders: what left or was cancelled, what was counted.

Reservations of order lines bear the line in their key, so whoever asks again finds them.
A site's stock is kept under its `site_key`, because two businesses may call a site the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count as numbers
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Engine, select

from connectors.database.schema import (
    entered_orders,
    stock_balances,
    stock_entries,
    stock_reservation_lines,
    stock_reservations,
)
from orchestration.allocation.batches import release_all, ship_all
from orchestration.allocation.reservations import Line, count_stock, release

PREFIX = "allocation:"
_AT_ONCE = 400
_AWAITED = timedelta(days=2)
CANCELLED = "the order is cancelled"
GONE = "the line is no longer in the order"
EDITED = "the order asks for another article or less than was reserved"

OrderLine = tuple[str, int]


class Wanted(NamedTuple):
    """What an open order line asks for."""

    sku: str
    quantity: int


class OrderState(NamedTuple):
    """How far an order has come."""

    order_status: str
    has_left: bool


class Count(NamedTuple):
    """What was there of an article at a site at the end of a day."""

    site_key: str
    sku: str
    counted_on: date
    quantity: int


def records(frame: pd.DataFrame) -> Iterable[Any]:
    """The rows, their columns as attributes."""
    return frame.itertuples(index=False)


@dataclass(frozen=True)
class Settled:
    """How many reservations ended, by what became of them."""

    shipped: int = 0
    released: int = 0


def line_of_key(reservation_id: str) -> OrderLine:
    """The order line of a reservation."""
    order_key, line_no, _ = reservation_id.removeprefix(PREFIX).rsplit(":", 2)
    return order_key, int(line_no)


def new_keys(engine: Engine, lines: Iterable[OrderLine]) -> dict[OrderLine, str]:
    """Keys that no reservation of these lines has had yet, whatever became of it."""
    column = stock_reservations.c.reservation_id
    keys = {line: f"{PREFIX}{line[0]}:{line[1]}:1" for line in lines}
    open_lines = list(keys)
    with engine.connect() as connection:
        for number in numbers(2):
            if not open_lines:
                break
            taken: set[str] = set()
            for start in range(0, len(open_lines), _AT_ONCE):
                asked = [keys[line] for line in open_lines[start : start + _AT_ONCE]]
                taken |= set(connection.execute(select(column).where(column.in_(asked))).scalars())
            open_lines = [line for line in open_lines if keys[line] in taken]
            keys |= {line: f"{PREFIX}{line[0]}:{line[1]}:{number}" for line in open_lines}
    return keys


def reserved_lines(engine: Engine) -> pd.DataFrame:
    """What is reserved for order lines and has not left.

    Returns:
        One row a reservation and site: reservation_id, order_key, line_no, site_key, sku, quantity,
        priority, requested_at; in the order in which they would be given up, the last first.
    """
    head, line = stock_reservations.c, stock_reservation_lines.c
    query = (
        select(head.reservation_id, line.site, line.sku, line.quantity)
        .add_columns(head.priority, head.requested_at)
        .select_from(stock_reservations.join(stock_reservation_lines))
        .where(
            head.state == "reserved",
            head.reservation_id.startswith(PREFIX, autoescape=True),
        )
        .order_by(head.priority, head.requested_at, head.reservation_id, line.site, line.sku)
    )
    columns = [
        "reservation_id", "order_key", "line_no", "site_key", "sku", "quantity", "priority",
        "requested_at",
    ]  # fmt: skip
    with engine.connect() as connection:
        rows = [(row[0], *line_of_key(row[0]), *row[1:]) for row in connection.execute(query)]
    return pd.DataFrame(rows, columns=columns)


def settle(
    engine: Engine,
    orders: Mapping[str, OrderState],
    wanted: Mapping[OrderLine, Wanted],
    *,
    now: datetime,
    awaited: Collection[str] = (),
) -> Settled:
    """End the reservations of lines that left, and give back those that nobody waits for any more.

    Args:
        engine: the operational database.
        orders: state of every order that has a reservation; one that is missing is gone.
        wanted: the open lines.
        now: the present time.
        awaited: orders that have been entered and may not be in the lake yet.
    """
    reserved: dict[OrderLine, list[Any]] = defaultdict(list)
    for row in records(reserved_lines(engine)):
        reserved[row.order_key, row.line_no].append(row)
    left: list[str] = []
    given_back: dict[str, list[str]] = defaultdict(list)
    for key, rows in reserved.items():
        order, line = orders.get(key[0]), wanted.get(key)
        if order is None and key[0] in awaited:
            continue
        keys = dict.fromkeys(row.reservation_id for row in rows)
        if order is not None and order.has_left:
            left += keys
        elif order is not None and order.order_status == "cancelled":
            given_back[CANCELLED] += keys
        elif line is None:
            given_back[GONE] += keys
        elif not _fits(rows, line):
            given_back[EDITED] += keys
    ship_all(engine, left, now=now)
    for reason, keys_of_reason in given_back.items():
        release_all(engine, keys_of_reason, reason=reason, now=now)
    return Settled(len(left), sum(map(len, given_back.values())))


def awaited_orders(engine: Engine, *, now: datetime) -> set[str]:
    """Orders that were entered here lately: a run may have begun before they were."""
    order = entered_orders.c
    query = select(order.order_key).where(
        order.state.in_(("placing", "placed")), order.entered_at > now - _AWAITED
    )
    with engine.connect() as connection:
        return set(connection.execute(query).scalars())


def book_counts(engine: Engine, counts: Iterable[Count], *, now: datetime) -> int:
    """Set what is on hand to the newest count of each article and site, once a count.

    Returns:
        How many balances were set.
    """
    booked = 0
    ordered = sorted(counts, key=lambda count: (count.counted_on, count.site_key, count.sku))
    for counted_on, of_day in groupby(ordered, key=lambda count: count.counted_on):
        name = f"stock count of {counted_on:%Y-%m-%d}, part "
        part, there = _counted(engine, name)
        lines = [
            Line(count.site_key, count.sku, count.quantity)
            for count in of_day
            if (count.site_key, count.sku) not in there
        ]
        if lines:
            count_stock(engine, lines, document=f"{name}{part}", now=now)
            booked += len(lines)
    return booked


def give_up_missing(engine: Engine, *, now: datetime) -> int:
    """Release the last reservations where a count found less than is promised; how many."""
    b = stock_balances.c
    query = select(b.site, b.sku, b.reserved - b.on_hand).where(b.reserved > b.on_hand)
    with engine.connect() as connection:
        missing = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    if not missing:
        return 0
    released: set[str] = set()
    for row in records(reserved_lines(engine)[::-1]):
        place = (row.site_key, row.sku)
        if row.reservation_id in released or missing.get(place, 0) <= 0:
            continue
        reason = f"a count found less of {row.sku} at {row.site_key} than was reserved"
        given_up = release(engine, row.reservation_id, now=now, reason=reason)
        released.add(row.reservation_id)
        for line in given_up.lines:
            if (line.site, line.sku) in missing:
                missing[line.site, line.sku] -= line.quantity
    return len(released)


def balances(engine: Engine) -> pd.DataFrame:
    """What the books say: site_key, sku, on_hand, reserved."""
    b = stock_balances.c
    query = select(b.site, b.sku, b.on_hand, b.reserved).order_by(b.site, b.sku)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return pd.DataFrame(rows, columns=["site_key", "sku", "on_hand", "reserved"])


def _fits(rows: Iterable[Any], line: Wanted) -> bool:
    """Whether all that is reserved is of the line's article and not more than it asks for."""
    return all(row.sku == line.sku for row in rows) and (
        sum(row.quantity for row in rows) <= line.quantity
    )


def _counted(engine: Engine, name: str) -> tuple[int, set[tuple[str, str]]]:
    """The first free number of documents of this name, and the places that the others counted."""
    entry, places = stock_entries.c, set[tuple[str, str]]()
    with engine.connect() as connection:
        for part in numbers(1):
            query = select(entry.site, entry.sku).where(entry.document == f"{name}{part}")
            found = connection.execute(query).all()
            if not found:
                return part, places
            places |= {(row[0], row[1]) for row in found}
    raise AssertionError("numbers do not end")
