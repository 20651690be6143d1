"""Promises stock so that it can't be promised twice, whoever asks at the same time.

A reservation is all or nothing over its lines, bundles in their components. Balances are changed
only where they allow it (`on_hand - reserved >= quantity` stands in the update itself), each change
leaves an entry, and the entries' sums are the balance. SQLite and PostgreSQL.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connectors.database.engine import write_transaction
from connectors.database.schema import (
    stock_balances,
    stock_entries,
    stock_reservation_lines,
    stock_reservations,
)
from connectors.errors import InputError

State = Literal["reserved", "waiting", "refused", "released", "shipped", "expired"]
Place = tuple[str, str]
_DEEPEST_BUNDLE = 10


@dataclass(frozen=True)
class Line:
    """So many of an article at a site."""

    site: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class Reservation:
    """A request to reserve and what became of it.

    Attributes:
        reservation_id: the caller's key; asking again with it changes nothing.
        state: reserved, waiting for stock, refused, released, shipped or expired.
        reason: why it is not reserved, or was released.
        lines: of articles that are kept in stock: bundles stand here in their components.
    """

    reservation_id: str
    state: State
    reason: str | None
    lines: tuple[Line, ...]


def components(lines: Iterable[Line], bundles: Mapping[str, Mapping[str, int]]) -> list[Line]:
    """The lines with every bundle taken apart, and each article of a site once.

    Args:
        lines: what is asked for.
        bundles: quantity of each component in one bundle, by the bundle's article; a component
            may be a bundle itself.

    Raises:
        InputError: a quantity is not positive, or a bundle contains itself.
    """
    wanted: Counter[Place] = Counter()
    for line in lines:
        if line.quantity < 1:
            raise InputError(
                f"A reservation of {line.quantity} of {line.sku} at {line.site} is not possible; "
                "give a positive quantity."
            )
        for sku, quantity in _exploded(line.sku, line.quantity, bundles, 0).items():
            wanted[line.site, sku] += quantity
    return [Line(site, sku, quantity) for (site, sku), quantity in sorted(wanted.items())]


def reserve(
    engine: Engine,
    reservation_id: str,
    lines: Iterable[Line],
    *,
    now: datetime,
    bundles: Mapping[str, Mapping[str, int]] | None = None,
    priority: int = 100,
    waits: bool = False,
    expires_at: datetime | None = None,
) -> Reservation:
    """Reserve all lines, or none of them and say why.

    Args:
        engine: the operational database.
        reservation_id: the caller's key, such as order and line. The same request again returns
            what it got; one that was refused is tried again.
        lines: what is asked for.
        now: the present time.
        bundles: components of bundles, by article.
        priority: in the waiting queue; the lowest number goes first.
        waits: join the queue instead of being refused.
        expires_at: a reservation that is not shipped ends then.

    Raises:
        InputError: the request has no lines, or differs from an earlier one with this key.
    """
    wanted = components(lines, bundles or {})
    if not wanted:
        raise InputError(f"The reservation {reservation_id} has no lines; give at least one.")
    with write_transaction(engine) as connection:
        header = {"priority": priority, "expires_at": expires_at}
        known = _register(connection, reservation_id, wanted, header, now)
        if known.state not in ("new", "refused", "waiting"):
            return _reservation(connection, reservation_id)
        return _attempt(connection, reservation_id, wanted, now, waits=waits)


def retry_waiting(engine: Engine, *, now: datetime) -> list[Reservation]:
    """Serve the queue by priority and age; whoever waits is not overtaken for the same article."""
    query = (
        select(stock_reservations.c.reservation_id)
        .where(stock_reservations.c.state == "waiting")
        .order_by(
            stock_reservations.c.priority,
            stock_reservations.c.requested_at,
            stock_reservations.c.reservation_id,
        )
    )
    with engine.connect() as connection:
        queue: Sequence[str] = connection.execute(query).scalars().all()
    served: list[Reservation] = []
    short: set[Place] = set()
    for reservation_id in queue:
        with write_transaction(engine) as connection:
            found = _locked(connection, reservation_id)
            lines = _lines(connection, reservation_id)
            places = {(line.site, line.sku) for line in lines}
            if found.state != "waiting" or places & short:
                short |= places if found.state == "waiting" else set()
                continue
            result = _attempt(connection, reservation_id, lines, now, waits=True)
        if result.state == "reserved":
            served.append(result)
        else:
            short |= places
    return served


def release(engine: Engine, reservation_id: str, *, now: datetime, reason: str) -> Reservation:
    """Give back what was reserved, or leave the queue; released or shipped ones stay as they are.

    Raises:
        InputError: there is no such reservation.
    """
    with write_transaction(engine) as connection:
        return _end(connection, reservation_id, "released", reason, now)


def expire_reservations(engine: Engine, *, now: datetime) -> int:
    """End reservations whose time is over; how many."""
    over = select(stock_reservations.c.reservation_id).where(
        stock_reservations.c.state.in_(("reserved", "waiting")),
        stock_reservations.c.expires_at <= now,
    )
    with engine.connect() as connection:
        due: Sequence[str] = connection.execute(over).scalars().all()
    for reservation_id in due:
        with write_transaction(engine) as connection:
            _end(connection, reservation_id, "expired", "not shipped in time", now)
    return len(due)


def ship(engine: Engine, reservation_id: str, *, now: datetime) -> Reservation:
    """Take what was reserved out of stock; doing it again changes nothing.

    Raises:
        InputError: it is not reserved, or a count has found less than what is to be shipped.
    """
    with write_transaction(engine) as connection:
        found = _locked(connection, reservation_id)
        if found.state == "shipped":
            return _reservation(connection, reservation_id)
        if found.state != "reserved":
            raise InputError(
                f"The reservation {reservation_id} is {found.state}, so nothing of it can be "
                "shipped; reserve it first."
            )
        for line in _lines(connection, reservation_id):
            enough = stock_balances.c.on_hand >= line.quantity
            if not _change(connection, line, now, on_hand=-1, reserved=-1, only_if=enough):
                raise InputError(
                    f"There is less than {line.quantity} of {line.sku} at {line.site} to ship; "
                    "count it, then release what can't be sent."
                )
            _enter(connection, line, "ship", now, (-1, -1), reservation_id=reservation_id)
        _set_state(connection, reservation_id, "shipped", None, now)
        return _reservation(connection, reservation_id)


def receive(engine: Engine, lines: Iterable[Line], *, document: str, now: datetime) -> int:
    """Book goods in, once a document; returns the units booked.

    Args:
        engine: the operational database.
        lines: what came; a negative quantity takes a wrong receipt back.
        document: its number; a document that was booked already is not booked again.
        now: the present time.
    """
    arrived: Counter[Place] = Counter()
    for line in lines:
        arrived[line.site, line.sku] += line.quantity
    booked = 0
    with write_transaction(engine, lock=_DOCUMENT_LOCK) as connection:
        if _is_booked(connection, document, "receive"):
            return 0
        for (site, sku), quantity in sorted(arrived.items()):
            line = Line(site, sku, quantity)
            _ensure_balance(connection, line, now)
            _change(connection, line, now, on_hand=1, reserved=0)
            _enter(connection, line, "receive", now, (1, 0), document=document)
            booked += quantity
    return booked


def count_stock(engine: Engine, lines: Iterable[Line], *, document: str, now: datetime) -> int:
    """Set what is on hand to what was counted, once a document; returns how many balances moved.

    What is reserved stays: when less was counted than is reserved, nothing more can be reserved
    until it is released or goods arrive.
    """
    moved = 0
    with write_transaction(engine, lock=_DOCUMENT_LOCK) as connection:
        if _is_booked(connection, document, "count"):
            return 0
        for counted in sorted(lines, key=lambda line: (line.site, line.sku)):
            _ensure_balance(connection, counted, now)
            balance = _balances(connection, [counted])[counted.site, counted.sku]
            change = Line(counted.site, counted.sku, counted.quantity - balance.on_hand)
            _change(connection, change, now, on_hand=1, reserved=0)
            _enter(connection, change, "count", now, (1, 0), document=document)
            moved += change.quantity != 0
    return moved


def find_reservation(engine: Engine, reservation_id: str) -> Reservation:
    """The reservation with that key.

    Raises:
        InputError: there is none.
    """
    with engine.connect() as connection:
        return _reservation(connection, reservation_id)


_DOCUMENT_LOCK = 4_044_044_049


def _exploded(
    sku: str, quantity: int, bundles: Mapping[str, Mapping[str, int]], depth: int
) -> Counter[str]:
    if sku not in bundles:
        return Counter({sku: quantity})
    if depth >= _DEEPEST_BUNDLE:
        raise InputError(f"The bundle {sku} contains itself; correct its bill of materials.")
    found: Counter[str] = Counter()
    for component, number in bundles[sku].items():
        found += _exploded(component, quantity * number, bundles, depth + 1)
    return found


@dataclass(frozen=True)
class _Known:
    state: str


def _register(
    connection: Connection,
    reservation_id: str,
    wanted: Sequence[Line],
    header: Mapping[str, Any],
    now: datetime,
) -> _Known:
    """Write the request down, or find the earlier one and lock it."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"reservation_id": reservation_id, "state": "new", "requested_at": now, **header}
    make = dialect.insert(stock_reservations).values(**row, updated_at=now)
    once = make.on_conflict_do_nothing().returning(stock_reservations.c.reservation_id)
    if connection.execute(once).first() is not None:
        connection.execute(
            insert(stock_reservation_lines),
            [{"reservation_id": reservation_id, **vars(line)} for line in wanted],
        )
        return _Known("new")
    found = _locked(connection, reservation_id)
    if _lines(connection, reservation_id) != list(wanted):
        raise InputError(
            f"The reservation {reservation_id} exists with other lines; release it and give the "
            "new one another key."
        )
    return _Known(found.state)


def _attempt(
    connection: Connection,
    reservation_id: str,
    wanted: Sequence[Line],
    now: datetime,
    *,
    waits: bool,
) -> Reservation:
    balances = _balances(connection, wanted)
    shortages = [_shortage(line, balances.get((line.site, line.sku))) for line in wanted]
    reason = "; ".join(one for one in shortages if one) or None
    if reason is None:
        for line in wanted:
            is_free = stock_balances.c.on_hand - stock_balances.c.reserved >= line.quantity
            if not _change(connection, line, now, on_hand=0, reserved=1, only_if=is_free):
                raise AssertionError(f"the locked balance of {line} changed")
            _enter(connection, line, "reserve", now, (0, 1), reservation_id=reservation_id)
    state: State = "reserved" if reason is None else "waiting" if waits else "refused"
    _set_state(connection, reservation_id, state, reason, now)
    return Reservation(reservation_id, state, reason, tuple(wanted))


def _shortage(line: Line, balance: Row[Any] | None) -> str | None:
    if balance is None:
        return f"{line.site} does not keep {line.sku}"
    free = balance.on_hand - balance.reserved
    if free >= line.quantity:
        return None
    return (
        f"{line.quantity} of {line.sku} wanted at {line.site}, {free} free "
        f"({balance.on_hand} on hand, {balance.reserved} reserved)"
    )


def _end(
    connection: Connection, reservation_id: str, state: State, reason: str, now: datetime
) -> Reservation:
    found = _locked(connection, reservation_id)
    if found.state == "reserved":
        lines = _lines(connection, reservation_id)
        _balances(connection, lines)  # locks them in order
        for line in lines:
            _change(connection, line, now, on_hand=0, reserved=-1)
            _enter(connection, line, "release", now, (0, -1), reservation_id=reservation_id)
    if found.state in ("reserved", "waiting", "refused"):
        _set_state(connection, reservation_id, state, reason, now)
    return _reservation(connection, reservation_id)


def _balances(connection: Connection, lines: Sequence[Line]) -> dict[Place, Row[Any]]:
    """The balances of these lines, locked in one order so that nobody waits in a circle."""
    found = {}
    for site, sku in sorted({(line.site, line.sku) for line in lines}):
        query = select(stock_balances).where(_at(Line(site, sku, 0))).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is not None:
            found[site, sku] = row
    return found


def _change(
    connection: Connection,
    line: Line,
    now: datetime,
    *,
    on_hand: int,
    reserved: int,
    only_if: Any = True,
) -> bool:
    columns = stock_balances.c
    changed = connection.execute(
        update(stock_balances)
        .where(_at(line), only_if)
        .values(
            on_hand=columns.on_hand + on_hand * line.quantity,
            reserved=columns.reserved + reserved * line.quantity,
            updated_at=now,
        )
    )
    return changed.rowcount == 1


def _enter(
    connection: Connection,
    line: Line,
    kind: str,
    now: datetime,
    signs: tuple[int, int],
    *,
    reservation_id: str | None = None,
    document: str | None = None,
) -> None:
    connection.execute(
        insert(stock_entries).values(
            site=line.site,
            sku=line.sku,
            kind=kind,
            on_hand_change=signs[0] * line.quantity,
            reserved_change=signs[1] * line.quantity,
            reservation_id=reservation_id,
            document=document,
            happened_at=now,
        )
    )


def _ensure_balance(connection: Connection, line: Line, now: datetime) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    empty = {"site": line.site, "sku": line.sku, "on_hand": 0, "reserved": 0, "updated_at": now}
    connection.execute(dialect.insert(stock_balances).values(**empty).on_conflict_do_nothing())


def _is_booked(connection: Connection, document: str, kind: str) -> bool:
    query = select(stock_entries.c.entry_id).where(
        stock_entries.c.document == document, stock_entries.c.kind == kind
    )
    return connection.execute(query.limit(1)).first() is not None


def _locked(connection: Connection, reservation_id: str) -> Row[Any]:
    query = select(stock_reservations).where(stock_reservations.c.reservation_id == reservation_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise InputError(f"There is no reservation {reservation_id}; correct its key.")
    return row


def _lines(connection: Connection, reservation_id: str) -> list[Line]:
    lines = stock_reservation_lines.c
    query = (
        select(lines.site, lines.sku, lines.quantity)
        .where(lines.reservation_id == reservation_id)
        .order_by(lines.site, lines.sku)
    )
    found = [Line(row.site, row.sku, row.quantity) for row in connection.execute(query)]
    return sorted(found, key=lambda line: (line.site, line.sku))


def _set_state(
    connection: Connection, reservation_id: str, state: State, reason: str | None, now: datetime
) -> None:
    connection.execute(
        update(stock_reservations)
        .where(stock_reservations.c.reservation_id == reservation_id)
        .values(state=state, reason=reason, updated_at=now)
    )


def _reservation(connection: Connection, reservation_id: str) -> Reservation:
    row = connection.execute(
        select(stock_reservations).where(stock_reservations.c.reservation_id == reservation_id)
    ).one_or_none()
    if row is None:
        raise InputError(f"There is no reservation {reservation_id}; correct its key.")
    lines = tuple(_lines(connection, reservation_id))
    return Reservation(reservation_id, row.state, row.reason, lines)


def _at(line: Line) -> Any:
    return and_(stock_balances.c.site == line.site, stock_balances.c.sku == line.sku)
