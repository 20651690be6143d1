"""Places an order once: checked, reserved, and on its way into bronze like any pushed order.

What an order number was used for first stands; asking again with it finds that, and finishes what
a kill has left: reservations are found under the order's key, and bronze takes a message once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, Engine, Row, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import entered_orders, stock_balances
from connectors.errors import InputError, TransientError
from connectors.inbox.segments import Message, write_segment
from connectors.settings import Settings
from orchestration.allocation.batches import Request, release_all, reserve_all
from orchestration.allocation.order_stock import Count, book_counts, new_keys, reserved_lines
from orchestration.allocation.reservations import Line
from orchestration.order_entry.answering import (
    SOURCE,
    OrderAnswer,
    OrderRequest,
    Read,
    Shelf,
    answer_order,
    lacking_credit,
    pending_orders,
)

EntryPath = Literal["portal", "staff"]
_LOCK = 4_044_044_052
_HALF_WAY = timedelta(minutes=10)
_CANCELLED = "the order was cancelled where it was entered"
_TAKEN = "another order was faster, so this one was not placed"


class NumberUsedError(InputError):
    """This order number stands for another order."""


class LackingError(InputError):
    """Credit, stock or a price lacks; the sentence says which."""


@dataclass(frozen=True)
class Entry:
    """Who enters an order, under which number and by which path."""

    number: str
    entry_path: EntryPath
    entered_by: str


@dataclass(frozen=True)
class PlacedOrder:
    """An order as it was placed.

    Attributes:
        order_key: under which marts and the API know it from the next run on.
        order_no: the customer's own number and the number that was given.
        state: placed or cancelled.
        record: what bronze gets.
    """

    order_key: str
    order_no: str
    customer_key: str
    state: str
    order_amount: Decimal
    currency_code: str
    entered_at: datetime
    record: Mapping[str, Any]


def order_key_of(customer_key: str, number: str) -> str:
    """The key of a customer's order; numbers of two customers never meet."""
    return f"{SOURCE}:{customer_key.split(':', 2)[-1]}:{number}"


def place_order(
    settings: Settings,
    engine: Engine,
    read: Read,
    request: OrderRequest,
    entry: Entry,
    *,
    now: datetime,
) -> PlacedOrder:
    """Check, reserve and hand over; again with the same number and content is harmless.

    Args:
        settings: whose inbox.
        engine: the operational database.
        read: asks the publication, as far as the caller may see it.
        request: what is ordered.
        entry: who, by which path, under which number.
        now: the present time.

    Raises:
        LackingError: something stands in the way; nothing is kept.
        NumberUsedError: the number stands for another order.
        InputError: the customer is not known, or has no currency.
        TransientError: the inbox's disk did not take it; asking again goes on.
    """
    order_key = order_key_of(request.customer_key, entry.number)
    found = _found(engine, order_key)
    if found is None:
        today = now.astimezone(ZoneInfo(settings.business_time_zone)).date()
        found = _register(engine, read, request, entry, now=now, today=today)
    if found.request_hash != _hash(request, entry):
        raise NumberUsedError(
            f"Order number {entry.number} stands for another order of {request.customer_key}; "
            "give this one another number."
        )
    if found.state == "placing":
        _reserve(engine, found, now)
        _hand_over(settings, found.record, now)
        _set_state(engine, order_key, "placed", found.record, now)
    return find_order(engine, order_key)


def cancel_order(
    settings: Settings, engine: Engine, order_key: str, by: str, *, now: datetime
) -> PlacedOrder:
    """Take an order back: its next version is cancelled, and its stock is free at once.

    Raises:
        InputError: no such order was entered here, or it is not reserved any more.
    """
    placed = find_order(engine, order_key)
    if placed.state == "cancelled":
        return placed
    keys = sorted({row.reservation_id for row in _reserved(engine, order_key)})
    if not keys:
        raise InputError(
            f"Nothing of the order {placed.order_no} is reserved any more: it has left or was "
            "allocated anew; tell the warehouse."
        )
    path = str(placed.record["status"]).partition("/")[0]
    record = {
        **placed.record, "status": f"{path}/cancelled", "modified_at": now.isoformat(),
        "modified_by": by,
    }  # fmt: skip
    _hand_over(settings, record, now)
    _set_state(engine, order_key, "cancelled", record, now)
    release_all(engine, keys, reason=_CANCELLED, now=now)
    return find_order(engine, order_key)


def find_order(engine: Engine, order_key: str) -> PlacedOrder:
    """An order that was entered here.

    Raises:
        InputError: there is none.
    """
    row = _found(engine, order_key)
    if row is None:
        raise InputError(f"No order {order_key[:100]} was entered here; correct its number.")
    return PlacedOrder(
        order_key, row.record["order_no"], row.customer_key, row.state, row.order_amount,
        row.currency_code, row.entered_at, row.record,
    )  # fmt: skip


def hand_over_rest(settings: Settings, engine: Engine, *, now: datetime) -> int:
    """Finish what a kill has kept from bronze; how many orders were left half-way.

    One that had all its lines reserved is placed; of another nobody was told, so it is forgotten.
    """
    query = select(entered_orders).where(
        entered_orders.c.state == "placing", entered_orders.c.entered_at < now - _HALF_WAY
    )
    with engine.connect() as connection:
        left = connection.execute(query).all()
    for row in left:
        if {one.line_no for one in _reserved(engine, row.order_key)} == _numbers(row.record):
            _hand_over(settings, row.record, now)
            _set_state(engine, row.order_key, "placed", row.record, now)
        else:
            _forget(engine, row.order_key, now)
    return len(left)


def _register(
    engine: Engine,
    read: Read,
    request: OrderRequest,
    entry: Entry,
    *,
    now: datetime,
    today: date,
) -> Row[Any]:
    """Write the order down if nothing stands in its way; the row of whoever was first."""
    order_key = order_key_of(request.customer_key, entry.number)
    with engine.connect() as connection:
        answer = answer_order(read, connection, request, today=today)
    with write_transaction(engine, lock=_LOCK) as connection:
        there = _row(connection, order_key)
        if there is not None:
            return there
        # Somebody may have ordered for this customer since the answer.
        pending = pending_orders(read, connection, request.customer_key, answer.currency_code)
        lacks = _lacks_now(answer, pending)
        if lacks:
            raise LackingError(" ".join(f"{one[:1].upper()}{one[1:]}" for one in lacks))
        connection.execute(
            insert(entered_orders).values(
                order_key=order_key,
                customer_key=request.customer_key,
                state="placing",
                request_hash=_hash(request, entry),
                order_amount=answer.order_amount,
                currency_code=answer.currency_code,
                record=_record(answer, order_key, entry, now),
                entered_by=entry.entered_by,
                entered_at=now,
                updated_at=now,
            )
        )
    _book_shelves(engine, answer, now)
    found = _found(engine, order_key)
    assert found is not None  # noqa: S101 - it was just written
    return found


def _lacks_now(answer: OrderAnswer, pending: Decimal) -> tuple[str, ...]:
    newer = pending - answer.credit.pending_amount
    if answer.lacks or not newer or answer.credit.headroom_amount is None:
        return answer.lacks
    credit = replace(answer.credit, headroom_amount=answer.credit.headroom_amount - newer)
    return tuple(
        lacking_credit(answer.customer_key, credit, answer.order_amount, answer.currency_code)
    )


def _record(answer: OrderAnswer, order_key: str, entry: Entry, now: datetime) -> dict[str, Any]:
    """The order as bronze keeps it; amounts and quantities as text, as platforms write them."""
    shelves = answer.shelves
    return {
        "order_no": order_key.removeprefix(f"{SOURCE}:"),
        "status": f"{entry.entry_path}/allocated",
        "customer_key": answer.customer_key,
        "channel": answer.channel,
        "currency_code": answer.currency_code,
        "order_amount": f"{answer.order_amount:f}",
        "entered_at": now.isoformat(),
        "entered_by": entry.entered_by,
        "modified_at": now.isoformat(),
        "modified_by": entry.entered_by,
        "lines": [
            {
                "line_no": line.line_no,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_price": f"{line.unit_price:f}",
                "line_amount": f"{line.line_amount:f}",
                "site": line.site,
                "site_key": shelves[line.site or "", line.sku].site_key,
            }
            for line in answer.lines
        ],
    }


def _book_shelves(engine: Engine, answer: OrderAnswer, now: datetime) -> None:
    """Let the books know what was counted of articles that they don't keep yet."""
    wanted: dict[tuple[str, str], Shelf] = {}
    for line in answer.lines:
        shelf = answer.shelves[line.site or "", line.sku]
        wanted[shelf.site_key, shelf.sku] = shelf
    balance = stock_balances.c
    with engine.connect() as connection:
        rows = connection.execute(
            select(balance.site, balance.sku).where(
                balance.site.in_({site for site, _ in wanted}),
                balance.sku.in_({sku for _, sku in wanted}),
            )
        )
        known = {(row[0], row[1]) for row in rows}
    counts = [
        Count(shelf.site_key, shelf.sku, shelf.counted_on, shelf.quantity)
        for place, shelf in wanted.items()
        if place not in known and shelf.counted_on is not None
    ]
    book_counts(engine, counts, now=now)


def _reserve(engine: Engine, row: Row[Any], now: datetime) -> None:
    """Reserve every line that has nothing reserved yet, or give all back and forget the order."""
    there = {one.line_no for one in _reserved(engine, row.order_key)}
    missing = {one["line_no"]: one for one in row.record["lines"] if one["line_no"] not in there}
    keys = new_keys(engine, [(row.order_key, number) for number in missing])
    requests = [
        Request(key, (Line(missing[number]["site_key"], missing[number]["sku"],
                           missing[number]["quantity"]),))
        for (_, number), key in keys.items()
    ]  # fmt: skip
    got = reserve_all(engine, requests, now=now)
    if len(got) == len(requests):
        return
    _forget(engine, row.order_key, now)
    lacking = ", ".join(
        f"{request.lines[0].sku} at {request.lines[0].site}"
        for request in requests
        if request.reservation_id not in got
    )
    raise LackingError(
        f"Somebody else was faster: there is not enough left of {lacking}; ask again what is free."
    )


def _forget(engine: Engine, order_key: str, now: datetime) -> None:
    """Give back what an order has reserved that never was one."""
    held = {one.reservation_id for one in _reserved(engine, order_key)}
    release_all(engine, sorted(held), reason=_TAKEN, now=now)
    with write_transaction(engine) as connection:
        order = entered_orders.c
        mine = entered_orders.delete().where(order.order_key == order_key, order.state == "placing")
        connection.execute(mine)


def _hand_over(settings: Settings, record: Mapping[str, Any], now: datetime) -> None:
    """Put a version of an order into the inbox; the same one again is dropped on its way."""
    message = Message(
        source=SOURCE,
        account=str(record["status"]).partition("/")[0],
        topic="orders",
        dedupe_key=f"{record['order_no']}@{record['modified_at']}",
        received_at=now.isoformat(timespec="microseconds"),
        payload=orjson.dumps(record).decode(),
        sent_at=str(record["modified_at"]),
    )
    try:
        write_segment(settings.inbox_path, [message])
    except OSError as error:
        raise TransientError(
            f"The order could not be kept ({error.strerror}); send it again."
        ) from error


def _set_state(
    engine: Engine, order_key: str, state: str, record: Mapping[str, Any], now: datetime
) -> None:
    with write_transaction(engine) as connection:
        connection.execute(
            update(entered_orders)
            .where(entered_orders.c.order_key == order_key)
            .values(state=state, record=dict(record), updated_at=now)
        )


def _reserved(engine: Engine, order_key: str) -> list[Any]:
    frame = reserved_lines(engine)
    return list(frame[frame["order_key"] == order_key].itertuples(index=False))


def _numbers(record: Mapping[str, Any]) -> set[int]:
    return {line["line_no"] for line in record["lines"]}


def _found(engine: Engine, order_key: str) -> Row[Any] | None:
    with engine.connect() as connection:
        return _row(connection, order_key)


def _row(connection: Connection, order_key: str) -> Row[Any] | None:
    query = select(entered_orders).where(entered_orders.c.order_key == order_key)
    return connection.execute(query).one_or_none()


def _hash(request: OrderRequest, entry: Entry) -> str:
    """Changes when something else is ordered, however its numbers are written."""
    lines = [
        {**asdict(line), "unit_price": None if line.unit_price is None
         else f"{line.unit_price.normalize():f}"}
        for line in request.lines
    ]  # fmt: skip
    said = [request.customer_key, request.currency_code, lines, entry.entry_path]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()
