"""The queue of exceptions: what is wrong by the published snapshot, and who takes care of it.

What is open stands in `rpt_exceptions`; the operational database keeps who took what and how it was
resolved. A case is opened again when the same thing goes wrong anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Row, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import exception_cases
from connectors.errors import InputError

TABLE = "rpt_exceptions"
_LOCK = 4_044_044_049


class Snapshot(Protocol):
    """The part of `PublishedLake` that the queue needs."""

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Run one query and return a dict a row."""

    def tables(self) -> list[str]:
        """Names of all tables, without schema."""


@dataclass(frozen=True)
class ExceptionCase:
    """One exception as the queue shows it.

    Attributes:
        exception_key: the same as long as the same thing is wrong.
        exception_class: shortage, quality, cancel, stuck, lost, address, payment or price.
        options: what can be done, with what it costs.
        is_breached: whether its hours are over by the business's clock.
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
    amount_at_risk: Decimal
    currency_code: str | None
    owner: str
    options: tuple[tuple[str, Decimal], ...]
    state: str
    taken_by: str | None = None
    resolved_by: str | None = None
    resolution: str | None = None


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


def take(engine: Engine, lake: Snapshot, key: str, *, person: str, now: datetime) -> ExceptionCase:
    """Somebody takes care of an open exception.

    Raises:
        InputError: no name, no such exception, or somebody else has it.
    """
    _require_name(person)
    case = _find(engine, lake, key)
    with write_transaction(engine, lock=_LOCK) as connection:
        known = _known(connection, case.exception_key)
        is_closed = known is None or _state(known, case.raised_at) == "open"
        if known is not None and not is_closed and known.taken_by not in (None, person):
            raise InputError(f"{known.taken_by} has taken {case.exception_key}; ask them.")
        _keep(connection, case, {**_FRESH, "taken_by": person, "taken_at": now})
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

    Raises:
        InputError: no name, no such exception or option, or it is resolved already.
    """
    _require_name(person)
    case = _find(engine, lake, key)
    options = [name for name, _ in case.options]
    if resolution not in options:
        raise InputError(
            f"{resolution} is no way to resolve a case of {case.exception_class}; choose one of "
            f"{', '.join(options)}."
        )
    with write_transaction(engine, lock=_LOCK) as connection:
        known = _known(connection, case.exception_key)
        state = _state(known, case.raised_at)
        if state == "resolved" and known is not None:
            raise InputError(f"{known.resolved_by} has resolved {case.exception_key} already.")
        before = known if state == "taken" else None
        values = {
            "taken_by": before.taken_by if before is not None else person,
            "taken_at": before.taken_at if before is not None else now,
            "resolved_by": person,
            "resolved_at": now,
            "resolution": resolution,
            "note": note,
        }
        _keep(connection, case, values)
    return _find(engine, lake, case.exception_key)


def summarise(engine: Engine, cases: Iterable[ExceptionCase]) -> list[dict[str, Any]]:
    """By class and currency: what is open, its money, and mean hours from taking to resolving."""
    query = select(
        exception_cases.c.exception_class,
        exception_cases.c.taken_at,
        exception_cases.c.resolved_at,
    ).where(exception_cases.c.resolved_at.is_not(None), exception_cases.c.taken_at.is_not(None))
    hours: dict[str, list[float]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            spent = (row.resolved_at - row.taken_at).total_seconds() / 3600
            hours.setdefault(row.exception_class, []).append(spent)
    groups: dict[tuple[str, str | None], list[ExceptionCase]] = {}
    for case in cases:
        if case.state != "resolved":
            groups.setdefault((case.exception_class, case.currency_code), []).append(case)
    for name in hours.keys() - {key[0] for key in groups}:
        groups[(name, None)] = []
    return [
        {
            "exception_class": name,
            "open": len(group),
            "breached": sum(case.is_breached for case in group),
            "amount_at_risk": sum((case.amount_at_risk for case in group), Decimal(0)),
            "currency_code": currency,
            "resolved": len(hours.get(name, [])),
            "mean_hours_to_resolve": _mean(hours.get(name, [])),
        }
        for (name, currency), group in sorted(
            groups.items(), key=lambda item: -sum(case.amount_at_risk for case in item[1])
        )
    ]


_FRESH: dict[str, Any] = {
    "resolved_by": None,
    "resolved_at": None,
    "resolution": None,
    "note": None,
}


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


def _require_name(person: str) -> None:
    if not person.strip():
        raise InputError("Say who you are: an exception is taken and resolved by a person.")


def _case(row: dict[str, Any], known: Row[Any] | None) -> ExceptionCase:
    state = _state(known, row["raised_at"])
    live = known if state != "open" else None
    names = ExceptionCase.__dataclass_fields__.keys() & row.keys()
    return ExceptionCase(
        **{name: row[name] for name in names},
        options=_options(row["option_costs"]),
        state=state,
        taken_by=live.taken_by if live is not None else None,
        resolved_by=live.resolved_by if live is not None else None,
        resolution=live.resolution if live is not None else None,
    )


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
