"""Many reservations in a few statements: the books of `reservations`, some hundreds at a time.

A run reserves for every line of a day. What is reserved, shipped and given back here is what the
functions for one reservation would have done, in the same order and with the same entries.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, bindparam, insert, select, tuple_, update

from connectors.database.engine import write_transaction
from connectors.database.schema import (
    stock_balances,
    stock_entries,
    stock_reservation_lines,
    stock_reservations,
)
from connectors.errors import InputError
from orchestration.allocation.reservations import (
    Line,
    Place,
    components,
    release,
    reserve,
    ship,
)

_AT_ONCE = 400
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Request:
    """So many of some articles for one reservation, all or nothing."""

    reservation_id: str
    lines: tuple[Line, ...]
    priority: int = 100


def reserve_all(engine: Engine, requests: Sequence[Request], *, now: datetime) -> set[str]:
    """Reserve for one after another as `reserve` does; the keys of those that have it.

    Args:
        engine: the operational database.
        requests: who comes first first.
        now: the present time.
    """
    reserved: set[str] = set()
    for some in _chunks(requests):
        with write_transaction(engine) as connection:
            new = _without_known(connection, some)
            reserved |= _reserve_new(connection, new, now)
        fresh = {request.reservation_id for request in new}
        for request in some:
            if request.reservation_id not in fresh:
                found = reserve(
                    engine, request.reservation_id, request.lines, now=now,
                    priority=request.priority,
                )  # fmt: skip
                reserved |= {request.reservation_id} if found.state == "reserved" else set()
    return reserved


def ship_all(engine: Engine, reservation_ids: Sequence[str], *, now: datetime) -> None:
    """Take what is reserved out of stock.

    Where a count has already found less than what left, the reservation is given back instead.
    """
    for some in _chunks(reservation_ids):
        with write_transaction(engine) as connection:
            lines = _reserved_lines(connection, some)
            wanted = _by_place(line for of_one in lines.values() for line in of_one)
            there = _locked_balances(connection, wanted)
            lacking = {place for place, units in wanted.items() if there[place].on_hand < units}
            sure = {
                key: of_one for key, of_one in lines.items()
                if not any((line.site, line.sku) in lacking for line in of_one)
            }  # fmt: skip
            _end(connection, sure, "shipped", None, now)
        for key in (key for key in lines if key not in sure):
            _ship_what_is_there(engine, key, now)


def release_all(
    engine: Engine, reservation_ids: Sequence[str], *, reason: str, now: datetime
) -> None:
    """Give back what these have reserved."""
    for some in _chunks(reservation_ids):
        with write_transaction(engine) as connection:
            lines = _reserved_lines(connection, some)
            _locked_balances(connection, _by_place(i for each in lines.values() for i in each))
            _end(connection, lines, "released", reason, now)


def _chunks(all_of_them: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(all_of_them), _AT_ONCE):
        yield all_of_them[start : start + _AT_ONCE]


def _without_known(connection: Connection, requests: Sequence[Request]) -> list[Request]:
    """Those whose keys nobody has used."""
    column = stock_reservations.c.reservation_id
    keys = [request.reservation_id for request in requests]
    known: set[str] = set(connection.execute(select(column).where(column.in_(keys))).scalars())
    return [request for request in requests if request.reservation_id not in known]


def _reserve_new(connection: Connection, requests: Sequence[Request], now: datetime) -> set[str]:
    """Write down requests that nobody has made, and reserve for those whose lines are all there."""
    lines = {request.reservation_id: components(request.lines, {}) for request in requests}
    there = _locked_balances(connection, _by_place(i for each in lines.values() for i in each))
    free = {place: row.on_hand - row.reserved for place, row in there.items()}
    refused: dict[str, str] = {}
    promised: Counter[Place] = Counter()
    for key, of_one in lines.items():
        reasons = [_shortage(line, free) for line in of_one]
        if any(reasons):
            refused[key] = "; ".join(reason for reason in reasons if reason)
            continue
        for line in of_one:
            free[line.site, line.sku] -= line.quantity
            promised[line.site, line.sku] += line.quantity
    if requests:
        heads = [
            {
                "reservation_id": request.reservation_id,
                "state": "refused" if request.reservation_id in refused else "reserved",
                "reason": refused.get(request.reservation_id),
                "priority": request.priority,
                "requested_at": now,
                "updated_at": now,
            }
            for request in requests
        ]
        connection.execute(insert(stock_reservations), heads)
        asked = [
            {"reservation_id": key, **vars(line)} for key, each in lines.items() for line in each
        ]
        connection.execute(insert(stock_reservation_lines), asked)
    _change(connection, promised, now, on_hand=0, reserved=1)
    made = {key: each for key, each in lines.items() if key not in refused}
    _enter(connection, made, "reserve", now, on_hand=0, reserved=1)
    return set(made)


def _shortage(line: Line, free: Mapping[Place, int]) -> str | None:
    left = free.get((line.site, line.sku))
    if left is None:
        return f"{line.site} does not keep {line.sku}"
    if left >= line.quantity:
        return None
    return f"{line.quantity} of {line.sku} wanted at {line.site}, {left} free"


def _reserved_lines(connection: Connection, keys: Sequence[str]) -> dict[str, list[Line]]:
    """Lines of those that are reserved, their heads locked."""
    head, line = stock_reservations.c, stock_reservation_lines.c
    live = (
        select(head.reservation_id)
        .where(head.reservation_id.in_(keys), head.state == "reserved")
        .order_by(head.reservation_id)
        .with_for_update()
    )
    keys_of_live: Sequence[str] = connection.execute(live).scalars().all()
    found: dict[str, list[Line]] = {key: [] for key in keys_of_live}
    query = (
        select(line.reservation_id, line.site, line.sku, line.quantity)
        .where(line.reservation_id.in_(list(found)))
        .order_by(line.reservation_id, line.site, line.sku)
    )
    for row in connection.execute(query):
        found[row.reservation_id].append(Line(row.site, row.sku, row.quantity))
    return found


def _by_place(lines: Iterable[Line]) -> Counter[Place]:
    units: Counter[Place] = Counter()
    for line in lines:
        units[line.site, line.sku] += line.quantity
    return units


def _locked_balances(connection: Connection, places: Iterable[Place]) -> dict[Place, Any]:
    """The balances of these places, locked in one order so that nobody waits in a circle."""
    balance = stock_balances.c
    query = (
        select(stock_balances)
        .where(tuple_(balance.site, balance.sku).in_(sorted(places)))
        .order_by(balance.site, balance.sku)
        .with_for_update()
    )
    return {(row.site, row.sku): row for row in connection.execute(query)}


def _end(
    connection: Connection,
    lines: Mapping[str, Sequence[Line]],
    state: Literal["shipped", "released"],
    reason: str | None,
    now: datetime,
) -> None:
    units = _by_place(line for each in lines.values() for line in each)
    taken = -1 if state == "shipped" else 0
    kind = "ship" if state == "shipped" else "release"
    _change(connection, units, now, on_hand=taken, reserved=-1)
    _enter(connection, lines, kind, now, on_hand=taken, reserved=-1)
    connection.execute(
        update(stock_reservations)
        .where(stock_reservations.c.reservation_id.in_(list(lines)))
        .values(state=state, reason=reason, updated_at=now)
    )


def _change(
    connection: Connection,
    units: Mapping[Place, int],
    now: datetime,
    *,
    on_hand: int,
    reserved: int,
) -> None:
    """Change locked balances; a balance that would not allow it is left, and everything with it."""
    if not units:
        return
    balance = stock_balances.c
    allows = balance.on_hand + bindparam("goods") >= 0
    if reserved > 0:
        allows = balance.on_hand - balance.reserved >= bindparam("promise")
    change = (
        update(stock_balances)
        .where(balance.site == bindparam("at_site"), balance.sku == bindparam("of_sku"), allows)
        .values(
            on_hand=balance.on_hand + bindparam("goods"),
            reserved=balance.reserved + bindparam("promise"),
            updated_at=now,
        )
    )
    rows = [
        {"at_site": site, "of_sku": sku, "goods": on_hand * many, "promise": reserved * many}
        for (site, sku), many in units.items()
    ]
    changed = connection.execute(change, rows).rowcount
    if changed != len(rows):
        raise AssertionError(f"only {changed} of {len(rows)} locked balances allowed the change")


def _enter(
    connection: Connection,
    lines: Mapping[str, Sequence[Line]],
    kind: str,
    now: datetime,
    *,
    on_hand: int,
    reserved: int,
) -> None:
    rows = [
        {
            "site": line.site,
            "sku": line.sku,
            "kind": kind,
            "on_hand_change": on_hand * line.quantity,
            "reserved_change": reserved * line.quantity,
            "reservation_id": key,
            "document": None,
            "happened_at": now,
        }
        for key, each in lines.items()
        for line in each
    ]
    if rows:
        connection.execute(insert(stock_entries), rows)


def _ship_what_is_there(engine: Engine, reservation_id: str, now: datetime) -> None:
    try:
        ship(engine, reservation_id, now=now)
    except InputError:
        reason = "it left, and a count that came before the news lacks it already"
        release(engine, reservation_id, now=now, reason=reason)
