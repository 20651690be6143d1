"""What people do about exceptions: take, give, hand back, resolve, reopen, and how long it took.

The operational database keeps it. A case is open again when the same thing goes wrong anew.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import exception_cases, exception_events
from connectors.errors import InputError
from orchestration.snapshot import Snapshot
from orchestration.stewardship.exception_queue import (
    ExceptionCase,
    ExceptionGroup,
    Seen,
    find_exception,
    money_at_risk,
    state_of,
)

_LOCK = 4_044_044_049


@dataclass(frozen=True)
class TimeToResolve:
    """How long resolving took, in hours.

    Attributes:
        resolved: number of cases.
        from_raised: mean since it went wrong.
        from_taken: mean since somebody took it.
    """

    resolved: int
    from_raised: float | None
    from_taken: float | None


def take(
    engine: Engine,
    lake: Snapshot,
    key: str,
    *,
    person: str,
    now: datetime,
    seen: Seen | None = None,
) -> ExceptionCase:
    """Somebody takes care of an open exception.

    Raises:
        InputError: no name, no such exception, or somebody else has it.
    """
    case = _find_for(engine, lake, key, person)
    with _acting(engine, case, seen) as (connection, known):
        if known is not None and known.resolved_at is None and known.taken_by not in (None, person):
            raise InputError(f"{known.taken_by} has taken {case.exception_key}; ask them.")
        _keep(connection, case, {**_FRESH, "taken_by": person, "taken_at": now})
        _tell(connection, case, _Event("taken", person, now))
    return find_exception(engine, lake, case.exception_key)


def assign(
    engine: Engine,
    lake: Snapshot,
    key: str,
    *,
    to: str,
    person: str,
    now: datetime,
    seen: Seen | None = None,
) -> ExceptionCase:
    """Give an exception to somebody, whoever has it now.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        key: its key, or the beginning of it.
        to: who shall take care of it.
        person: who says so.
        now: the time of it.
        seen: the case as that person saw it; None: not compared.

    Raises:
        InputError: a name is missing, no such exception, it is resolved, or it changed meanwhile.
    """
    case = _find_for(engine, lake, key, person)
    if not to.strip():
        raise InputError("Say to whom the exception goes.")
    with _acting(engine, case, seen) as (connection, known):
        if known is not None and known.resolved_at is not None:
            raise InputError(
                f"{known.resolved_by} has resolved {case.exception_key}; reopen it first."
            )
        _keep(connection, case, {**_FRESH, "taken_by": to.strip(), "taken_at": now})
        _tell(connection, case, _Event("assigned", person, now, {"to": to.strip()}))
    return find_exception(engine, lake, case.exception_key)


def hand_back(
    engine: Engine,
    lake: Snapshot,
    key: str,
    *,
    person: str,
    now: datetime,
    seen: Seen | None = None,
) -> ExceptionCase:
    """Undo taking: nobody takes care of the exception any more.

    Raises:
        InputError: no name, no such exception, nobody has it, or it changed meanwhile.
    """
    case = _find_for(engine, lake, key, person)
    with _acting(engine, case, seen) as (connection, known):
        if known is None or known.resolved_at is not None:
            raise InputError(f"Nobody has taken {case.exception_key}, so it can't be handed back.")
        mine = exception_cases.c.exception_key == case.exception_key
        connection.execute(delete(exception_cases).where(mine))
        _tell(connection, case, _Event("handed_back", person, now, {"from": known.taken_by}))
    return find_exception(engine, lake, case.exception_key)


def resolve(
    engine: Engine,
    lake: Snapshot,
    key: str,
    *,
    person: str,
    resolution: str,
    now: datetime,
    note: str | None = None,
    seen: Seen | None = None,
) -> ExceptionCase:
    """Somebody says how an exception was resolved.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        key: its key, or the beginning of it.
        person: who resolved it.
        resolution: one of its options.
        now: the time of it.
        note: anything else worth knowing.
        seen: the case as that person saw it; None: not compared.

    Raises:
        InputError: no name, no such exception or option, it is resolved already, or it changed
            meanwhile.
    """
    case = _find_for(engine, lake, key, person)
    options = [name for name, _ in case.options]
    if resolution not in options:
        raise InputError(
            f"{resolution} is no way to resolve a case of {case.exception_class}; choose one of "
            f"{', '.join(options)}."
        )
    with _acting(engine, case, seen) as (connection, known):
        if known is not None and known.resolved_at is not None:
            raise InputError(f"{known.resolved_by} has resolved {case.exception_key} already.")
        values = {
            "taken_by": known.taken_by if known is not None else person,
            "taken_at": known.taken_at if known is not None else now,
            "resolved_by": person,
            "resolved_at": now,
            "resolution": resolution,
            "note": (note or "").strip() or None,
        }
        _keep(connection, case, values)
        told = {"resolution": resolution, "note": values["note"]}
        _tell(connection, case, _Event("resolved", person, now, told))
    return find_exception(engine, lake, case.exception_key)


def reopen(
    engine: Engine,
    lake: Snapshot,
    key: str,
    *,
    person: str,
    now: datetime,
    seen: Seen | None = None,
) -> ExceptionCase:
    """Undo resolving: whoever had the exception has it again.

    Raises:
        InputError: no name, no such exception, it is not resolved, or it changed meanwhile.
    """
    case = _find_for(engine, lake, key, person)
    with _acting(engine, case, seen) as (connection, known):
        if known is None or known.resolved_at is None:
            raise InputError(f"{case.exception_key} is not resolved, so it can't be reopened.")
        taken = {"taken_by": known.taken_by, "taken_at": known.taken_at}
        _keep(connection, case, {**_FRESH, **taken})
        _tell(connection, case, _Event("reopened", person, now, {"resolution": known.resolution}))
    return find_exception(engine, lake, case.exception_key)


def case_history(engine: Engine, key: str) -> list[dict[str, Any]]:
    """Everything that people did about one exception, oldest first."""
    query = (
        select(exception_events)
        .where(exception_events.c.exception_key == key)
        .order_by(exception_events.c.event_id)
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def newest_act(engine: Engine) -> int:
    """The number of the newest act; the queue of one publication is the same until it grows."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(exception_events.c.event_id))) or 0


def times_to_resolve(engine: Engine) -> dict[str | None, TimeToResolve]:
    """How long resolving took by class, and of all of them under None."""
    query = select(
        exception_cases.c.exception_class,
        exception_cases.c.raised_at,
        exception_cases.c.taken_at,
        exception_cases.c.resolved_at,
    ).where(exception_cases.c.resolved_at.is_not(None))
    spans: dict[str | None, list[tuple[float | None, float | None]]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            pair = _hours(row.raised_at, row.resolved_at), _hours(row.taken_at, row.resolved_at)
            spans.setdefault(row.exception_class, []).append(pair)
            spans.setdefault(None, []).append(pair)
    return {
        name: TimeToResolve(
            len(pairs),
            _mean([raised for raised, _ in pairs if raised is not None]),
            _mean([taken for _, taken in pairs if taken is not None]),
        )
        for name, pairs in spans.items()
    }


def summarise(engine: Engine, groups: Iterable[ExceptionGroup]) -> list[dict[str, Any]]:
    """By class and currency: what is open, its money, and mean hours until it was resolved."""
    times = times_to_resolve(engine)
    alike: dict[tuple[str, str | None], list[ExceptionGroup]] = {}
    for group in groups:
        if group.state != "resolved":
            alike.setdefault((group.exception_class, group.currency_code), []).append(group)
    for name in times.keys() - {key[0] for key in alike} - {None}:
        alike[(str(name), None)] = []
    never = TimeToResolve(0, None, None)
    return [
        {
            "exception_class": name,
            "open": sum(group.cases for group in mine),
            "breached": sum(group.breached for group in mine),
            "amount_at_risk": money_at_risk(mine),
            "currency_code": currency,
            "resolved": times.get(name, never).resolved,
            "mean_hours_to_resolve": times.get(name, never).from_taken,
            "mean_hours_since_raised": times.get(name, never).from_raised,
        }
        for (name, currency), mine in sorted(
            alike.items(), key=lambda item: -money_at_risk(item[1])
        )
    ]


_FRESH: dict[str, Any] = {
    "resolved_by": None,
    "resolved_at": None,
    "resolution": None,
    "note": None,
}


def _hours(start: datetime | None, end: datetime) -> float | None:
    return None if start is None else (end - start).total_seconds() / 3600


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


def _find_for(engine: Engine, lake: Snapshot, key: str, person: str) -> ExceptionCase:
    if not person.strip():
        raise InputError("Say who you are: an exception is taken and resolved by a person.")
    return find_exception(engine, lake, key)


@contextlib.contextmanager
def _acting(
    engine: Engine, case: ExceptionCase, seen: Seen | None
) -> Iterator[tuple[Connection, Row[Any] | None]]:
    """The transaction of one act, and what people did about the case so far (`_current`)."""
    with write_transaction(engine, lock=_LOCK) as connection:
        yield connection, _current(connection, case, seen)


def _known(connection: Connection, key: str) -> Row[Any] | None:
    query = select(exception_cases).where(exception_cases.c.exception_key == key)
    return connection.execute(query.with_for_update()).one_or_none()


def _current(connection: Connection, case: ExceptionCase, seen: Seen | None) -> Row[Any] | None:
    """What people did about it so far; None when it is open (again).

    Raises:
        InputError: somebody else did something since it was seen.
    """
    known = _known(connection, case.exception_key)
    state = state_of(known, case.raised_at)
    person = None if known is None or state == "open" else known.resolved_by or known.taken_by
    if seen is not None and seen != Seen(state, person):
        did = {"taken": "has taken", "resolved": "has resolved"}.get(state)
        said = f"{person} {did} {case.exception_key}" if did else f"{case.exception_key} is open"
        raise InputError(f"{said} since you opened it; look at it again.")
    return None if state == "open" else known


@dataclass(frozen=True)
class _Event:
    name: str
    actor: str
    at: datetime
    detail: dict[str, Any] = field(default_factory=dict)


def _tell(connection: Connection, case: ExceptionCase, event: _Event) -> None:
    connection.execute(
        insert(exception_events).values(
            exception_key=case.exception_key,
            happened_at=event.at,
            event=event.name,
            actor=event.actor,
            detail=event.detail,
        )
    )


def _keep(connection: Connection, case: ExceptionCase, values: dict[str, Any]) -> None:
    told = {
        "exception_class": case.exception_class,
        "business": case.business,
        "amount_at_risk": case.amount_at_risk,
        "currency_code": case.currency_code,
        "raised_at": case.raised_at,
        "due_at": case.due_at,
        **values,
    }
    key = exception_cases.c.exception_key == case.exception_key
    if connection.execute(update(exception_cases).where(key).values(**told)).rowcount == 0:
        connection.execute(insert(exception_cases).values(exception_key=case.exception_key, **told))
