"""What is wrong by the published snapshot, with who takes care of it, read in parts.

What is open stands in `rpt_exceptions`; the operational database keeps who took what and how it was
resolved. A retailer of 100,000 orders a day has hundreds of thousands of cases: they are counted
and sorted where they lie, and only those that somebody looks at are read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Engine, Row, select

from connectors.database.schema import exception_cases
from connectors.errors import InputError
from orchestration.snapshot import Snapshot

TABLE = "rpt_exceptions"
State = Literal["open", "taken", "resolved"]
STATES: tuple[State, ...] = ("open", "taken", "resolved")
NOT_RESOLVED: tuple[State, ...] = ("open", "taken")
_KEPT = ("taken_by", "taken_at", "resolved_by", "resolved_at", "resolution", "note")
# What people did, as rows beside the snapshot's: three lists of equal length.
_WITH_ACTS = f"""
    with acts as (
        select
            unnest($keys::varchar[]) as acted_key, unnest($states::varchar[]) as acted_state,
            unnest($people::varchar[]) as acted_by
    ),

    cases as (
        select
            exceptions.*, coalesce(acts.acted_state, 'open') as state, acts.acted_by as taken_by
        from {TABLE} as exceptions
        left join acts on exceptions.exception_key = acts.acted_key
    )
"""  # noqa: S608 - names of our own
_COUNTED = """
    select
        business, exception_class, owner, currency_code, state, taken_by,
        count(*) as cases, count(*) filter (where is_breached) as breached,
        sum(amount_at_risk) as amount_at_risk
    from cases
    group by all
    order by all
"""


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
    state: State
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

    state: State
    person: str | None


@dataclass(frozen=True)
class ExceptionGroup:
    """Cases that are alike, counted.

    Attributes:
        cases: how many there are.
        breached: those of them whose hours are over.
        amount_at_risk: their money in `currency_code`; None where none is known, or it is hidden
            from the viewer.
    """

    business: str
    exception_class: str
    owner: str
    currency_code: str | None
    state: State
    taken_by: str | None
    cases: int
    breached: int
    amount_at_risk: Decimal | None


@dataclass(frozen=True)
class Wanted:
    """Which cases somebody looks at.

    Attributes:
        states: in any of these.
        exception_class: only this class; None: any.
        owner: only what this owner, or this person who took it, takes care of; None: anybody's.
        businesses: only of these; None: of all.
    """

    states: tuple[State, ...] = NOT_RESOLVED
    exception_class: str | None = None
    owner: str | None = None
    businesses: tuple[str, ...] | None = None

    def takes(self, group: ExceptionGroup) -> bool:
        """Whether these cases are among them."""
        return (
            group.state in self.states
            and self.exception_class in (None, group.exception_class)
            and self.owner in (None, group.owner, group.taken_by)
            and (self.businesses is None or group.business in self.businesses)
        )


EVERYTHING = Wanted(STATES)
UNRESOLVED = Wanted()


def list_exceptions(
    engine: Engine, lake: Snapshot, wanted: Wanted = UNRESOLVED, *, limit: int | None = None
) -> list[ExceptionCase]:
    """What is wrong, most money first; what breached its time first where equal.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        wanted: which of it; what was resolved is left out where nothing is said.
        limit: how many at most; None: all of them.
    """
    return _select(
        engine,
        lake,
        """
        where list_contains($wanted, state)
            and ($exception_class is null or exception_class = $exception_class)
            and ($owner is null or owner = $owner or taken_by = $owner)
            and ($businesses is null or list_contains($businesses, business))
        order by
            amount_at_risk desc nulls last, is_breached desc, due_at nulls last, exception_key
        limit $limit
        """,
        {
            "wanted": list(wanted.states),
            "exception_class": wanted.exception_class,
            "owner": wanted.owner,
            "businesses": None if wanted.businesses is None else list(wanted.businesses),
            "limit": limit,
        },
    )


def count_exceptions(engine: Engine, lake: Snapshot) -> list[ExceptionGroup]:
    """All cases that the viewer sees, resolved ones too, counted by what tells them apart."""
    if TABLE not in lake.tables():
        return []
    found = lake.rows(_WITH_ACTS + _COUNTED, _acts(lake, _known(engine)))
    return [ExceptionGroup(**row) for row in found]


def exception_of(engine: Engine, lake: Snapshot, key: str) -> ExceptionCase | None:
    """The case with exactly this key; None: there is none."""
    found = _select(engine, lake, "where exception_key = $key", {"key": key})
    return found[0] if found else None


def find_exception(engine: Engine, lake: Snapshot, key: str) -> ExceptionCase:
    """The case with this key, or the only one whose key begins so.

    Raises:
        InputError: there is none, or several begin so.
    """
    case = exception_of(engine, lake, key)
    if case is not None:
        return case
    found = _select(engine, lake, "where starts_with(exception_key, $key)", {"key": key})
    if not found:
        raise InputError(f"There is no exception {key}; `fourflow exceptions list` shows them.")
    if len(found) > 1:
        raise InputError(f"{len(found)} exceptions begin with {key}; give more of the key.")
    return found[0]


def state_of(known: Row[Any] | None, raised_at: datetime | None) -> State:
    """What was resolved before the same thing went wrong anew is open again."""
    if known is None:
        return "open"
    if known.resolved_at is None:
        return "taken"
    is_anew = raised_at is not None and known.raised_at is not None and raised_at > known.raised_at
    return "open" if is_anew else "resolved"


def money_at_risk(groups: Iterable[ExceptionGroup]) -> Decimal:
    """Their money; a viewer from whom it is hidden has no amounts."""
    return sum((group.amount_at_risk or Decimal(0) for group in groups), Decimal(0))


_Known = Mapping[str, Row[Any]]


def _select(
    engine: Engine, lake: Snapshot, rest: str, params: Mapping[str, Any]
) -> list[ExceptionCase]:
    if TABLE not in lake.tables():
        return []
    known = _known(engine)
    sql = f"{_WITH_ACTS} select * from cases {rest}"  # noqa: S608 - names of our own
    found = lake.rows(sql, {**_acts(lake, known), **params})
    return [_case(row, known.get(row["exception_key"])) for row in found]


def _known(engine: Engine) -> _Known:
    with engine.connect() as connection:
        return {row.exception_key: row for row in connection.execute(select(exception_cases))}


def _acts(lake: Snapshot, known: _Known) -> dict[str, Any]:
    """The parameters of `_WITH_ACTS`: what is taken or resolved, by the cases as they are now."""
    keys: list[str] = []
    states: list[str] = []
    people: list[str | None] = []
    for row in _still_wrong(lake, list(known)) if known else ():
        key = str(row["exception_key"])
        state = state_of(known[key], row["raised_at"])
        if state != "open":
            keys.append(key)
            states.append(state)
            people.append(known[key].taken_by)
    return {"keys": keys, "states": states, "people": people}


def _still_wrong(lake: Snapshot, keys: Sequence[str]) -> list[dict[str, Any]]:
    return lake.rows(
        f"select exception_key, raised_at from {TABLE} "  # noqa: S608 - a name of our own
        "where exception_key in (select unnest($keys::varchar[]))",
        {"keys": list(keys)},
    )


def _case(row: dict[str, Any], known: Row[Any] | None) -> ExceptionCase:
    names = (ExceptionCase.__dataclass_fields__.keys() & row.keys()) - set(_KEPT)
    live = known if row["state"] != "open" else None
    return ExceptionCase(
        **{name: row[name] for name in names},
        minutes_left=_left(row["sla_hours"], row["open_minutes"]),
        options=_options(row["option_costs"]),
        **({name: getattr(live, name) for name in _KEPT} if live is not None else {}),
    )


def _left(sla_hours: int | None, open_minutes: int | None) -> int | None:
    return None if sla_hours is None or open_minutes is None else sla_hours * 60 - open_minutes


def _options(text: str | None) -> tuple[tuple[str, Decimal], ...]:
    pairs = (part.partition("=") for part in (text or "").split(";") if part)
    return tuple((name, Decimal(cost)) for name, _, cost in pairs)
