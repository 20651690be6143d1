"""The queue of exceptions: what is wrong by the published snapshot, and who takes care of it.

What is open stands in `rpt_exceptions`; the operational database keeps who took what and how it was
resolved. A case is opened again when the same thing goes wrong anew.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import exception_cases, exception_events
from connectors.errors import InputError
from orchestration.snapshot import Snapshot

TABLE = "rpt_exceptions"
_LOCK = 4_044_044_049


@dataclass(frozen=True)
class ExceptionCase:
    """One exception as the queue shows it.

    Attributes:
        exception_key: the same as long as the same thing is wrong.
        exception_class: shortage, quality, cancel, stuck, lost, address, payment or price.
        options: what can be done, with what it costs.
        is_breached: whether its hours are over by the business's clock.
        minutes_left: of those hours by the same clock; below zero when they are over.
        recommended: the cheapest of its options, of equals the one that is listed first.
        state: open, taken or resolved.
    """

    exception_key: str
    exception_class: str
    business: str
    reason: str | None
    order_key: str | None
    sku: str | None
    site: str | None
    raised_at: datetime | None
    due_at: datetime | None
    is_breached: bool
    open_minutes: int | None
    minutes_left: int | None
    amount_at_risk: Decimal
    currency_code: str | None
    owner: str
    options: tuple[tuple[str, Decimal], ...]
    state: str
    taken_by: str | None = None
    taken_at: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    note: str | None = None

    @property
    def recommended(self) -> str | None:
        """The cheapest of its options."""
        return min(self.options, key=lambda option: option[1])[0] if self.options else None

    @property
    def seen(self) -> "Seen":
        """What somebody who looks at it now has seen, to be given back when they act."""
        return Seen(self.state, self.resolved_by if self.state == "resolved" else self.taken_by)


@dataclass(frozen=True)
class Seen:
    """A case as somebody saw it before they acted: whoever was faster is told to them."""

    state: str
    person: str | None


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


def list_exceptions(
    engine: Engine,
    lake: Snapshot,
    *,
    exception_class: str | None = None,
    owner: str | None = None,
    with_resolved: bool = False,
) -> list[ExceptionCase]:
    """Everything that is wrong, most money first; what breached its time first where equal.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        exception_class: only this class.
        owner: only what this owner, or this person who took it, takes care of.
        with_resolved: also what was resolved and is still wrong by the snapshot.
    """
    if TABLE not in lake.tables():
        return []
    found = lake.rows(
        f"select * from {TABLE} order by amount_at_risk desc, is_breached desc, due_at, "  # noqa: S608
        "exception_key"
    )
    with engine.connect() as connection:
        cases = {row.exception_key: row for row in connection.execute(select(exception_cases))}
    queue = [_case(row, cases.get(row["exception_key"])) for row in found]
    return [
        case
        for case in queue
        if (exception_class is None or case.exception_class == exception_class)
        and (owner is None or owner in (case.owner, case.taken_by))
        and (with_resolved or case.state != "resolved")
    ]


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
    return _find(engine, lake, case.exception_key)


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
    return _find(engine, lake, case.exception_key)


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
    return _find(engine, lake, case.exception_key)


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
    return _find(engine, lake, case.exception_key)


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
    return _find(engine, lake, case.exception_key)


def case_history(engine: Engine, key: str) -> list[dict[str, Any]]:
    """Everything that people did about one exception, oldest first."""
    query = (
        select(exception_events)
        .where(exception_events.c.exception_key == key)
        .order_by(exception_events.c.event_id)
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


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


def summarise(engine: Engine, cases: Iterable[ExceptionCase]) -> list[dict[str, Any]]:
    """By class and currency: what is open, its money, and mean hours until it was resolved."""
    times = times_to_resolve(engine)
    groups: dict[tuple[str, str | None], list[ExceptionCase]] = {}
    for case in cases:
        if case.state != "resolved":
            groups.setdefault((case.exception_class, case.currency_code), []).append(case)
    for name in times.keys() - {key[0] for key in groups} - {None}:
        groups[(str(name), None)] = []
    never = TimeToResolve(0, None, None)
    return [
        {
            "exception_class": name,
            "open": len(group),
            "breached": sum(bool(case.is_breached) for case in group),
            "amount_at_risk": _at_risk(group),
            "currency_code": currency,
            "resolved": times.get(name, never).resolved,
            "mean_hours_to_resolve": times.get(name, never).from_taken,
            "mean_hours_since_raised": times.get(name, never).from_raised,
        }
        for (name, currency), group in sorted(groups.items(), key=lambda item: -_at_risk(item[1]))
    ]


def _at_risk(cases: Iterable[ExceptionCase]) -> Decimal:
    """Their money; a viewer from whom it is hidden has no amounts."""
    return sum((case.amount_at_risk or Decimal(0) for case in cases), Decimal(0))


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
    return _find(engine, lake, key)


@contextlib.contextmanager
def _acting(
    engine: Engine, case: ExceptionCase, seen: Seen | None
) -> Iterator[tuple[Connection, Row[Any] | None]]:
    """The transaction of one act, and what people did about the case so far (`_current`)."""
    with write_transaction(engine, lock=_LOCK) as connection:
        yield connection, _current(connection, case, seen)


def _case(row: dict[str, Any], known: Row[Any] | None) -> ExceptionCase:
    state = _state(known, row["raised_at"])
    live = known if state != "open" else None
    names = ExceptionCase.__dataclass_fields__.keys() & row.keys()
    return ExceptionCase(
        **{name: row[name] for name in names},
        minutes_left=_left(row["sla_hours"], row["open_minutes"]),
        options=_options(row["option_costs"]),
        state=state,
        **({name: getattr(live, name) for name in _KEPT} if live is not None else {}),
    )


_KEPT = ("taken_by", "taken_at", "resolved_by", "resolved_at", "resolution", "note")


def _left(sla_hours: int | None, open_minutes: int | None) -> int | None:
    return None if sla_hours is None or open_minutes is None else sla_hours * 60 - open_minutes


def _options(text: str | None) -> tuple[tuple[str, Decimal], ...]:
    pairs = (part.partition("=") for part in (text or "").split(";") if part)
    return tuple((name, Decimal(cost)) for name, _, cost in pairs)


def _state(known: Row[Any] | None, raised_at: datetime | None) -> str:
    """What was resolved before the same thing went wrong anew is open again."""
    if known is None:
        return "open"
    if known.resolved_at is None:
        return "taken"
    is_anew = raised_at is not None and known.raised_at is not None and raised_at > known.raised_at
    return "open" if is_anew else "resolved"


def _find(engine: Engine, lake: Snapshot, key: str) -> ExceptionCase:
    cases = list_exceptions(engine, lake, with_resolved=True)
    found = [case for case in cases if case.exception_key == key]
    found = found or [case for case in cases if case.exception_key.startswith(key)]
    if not found:
        raise InputError(f"There is no exception {key}; `fourflow exceptions list` shows them.")
    if len(found) > 1:
        raise InputError(f"{len(found)} exceptions begin with {key}; give more of the key.")
    return found[0]


def _known(connection: Connection, key: str) -> Row[Any] | None:
    query = select(exception_cases).where(exception_cases.c.exception_key == key)
    return connection.execute(query.with_for_update()).one_or_none()


def _current(connection: Connection, case: ExceptionCase, seen: Seen | None) -> Row[Any] | None:
    """What people did about it so far; None when it is open (again).

    Raises:
        InputError: somebody else did something since it was seen.
    """
    known = _known(connection, case.exception_key)
    state = _state(known, case.raised_at)
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
