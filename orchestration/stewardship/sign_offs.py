"""Signing off a day's reconciliation: who agreed to which figures, and whether they still stand.

Figures are those of `rpt_reconciliation`. What was signed is kept with the publication that showed
it, so that a day whose figures change later says so. A signature is never changed: taking it back
is another row.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import reconciliation_sign_offs
from connectors.errors import InputError
from orchestration.snapshot import Snapshot

TABLE = "rpt_reconciliation"
SIGNED, WITHDRAWN = "signed", "withdrawn"
_LOCK = 4_044_044_050
_UNKNOWN = "unknown"
_AMOUNTS = ("recorded_amount", "reported_amount", "difference_amount")


@dataclass(frozen=True)
class BucketFigures:
    """One line of a day: a comparison's bucket with what both books say."""

    comparison: str
    residual_bucket: str
    currency_code: str
    item_count: int
    recorded_amount: Decimal
    reported_amount: Decimal
    difference_amount: Decimal

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same line at another time."""
        return self.comparison, self.residual_bucket, self.currency_code


@dataclass(frozen=True)
class SignOff:
    """One signature in force.

    Attributes:
        person: who signed.
        publication_id: the publication that showed the figures.
        figures: what was signed.
        is_restated: whether the figures of the day have changed since.
    """

    person: str
    signed_at: datetime
    note: str | None
    publication_id: str
    figures: tuple[BucketFigures, ...]
    is_restated: bool


@dataclass(frozen=True)
class DayStanding:
    """A day's figures and who signed them.

    Attributes:
        fingerprint: changes with the figures; whoever signs gives back the one they saw.
    """

    business: str
    business_date: date
    figures: tuple[BucketFigures, ...]
    fingerprint: str
    sign_offs: tuple[SignOff, ...]

    @property
    def state(self) -> str:
        """`open`, `signed`, or `restated` when figures changed after every signature."""
        if not self.sign_offs:
            return "open"
        return "restated" if all(one.is_restated for one in self.sign_offs) else "signed"

    @property
    def unknown_count(self) -> int:
        """Items that nobody can explain."""
        return sum(one.item_count for one in self.figures if one.residual_bucket == _UNKNOWN)

    @property
    def item_count(self) -> int:
        """All items of the day."""
        return sum(one.item_count for one in self.figures)


def list_days(
    engine: Engine, lake: Snapshot, business: str, *, start: date, end: date
) -> list[DayStanding]:
    """The days of a business that have items, the newest first.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        business: whose days.
        start: the first business date.
        end: the last one.
    """
    if TABLE not in lake.tables():
        return []
    found = lake.rows(
        f"""
        select
            business_date, comparison, residual_bucket, currency_code,
            sum(item_count)::bigint as item_count, sum(recorded_amount) as recorded_amount,
            sum(reported_amount) as reported_amount, sum(difference_amount) as difference_amount
        from {TABLE}
        where business = $business and business_date between $start and $end
        group by all
        order by business_date desc, comparison, residual_bucket, currency_code
        """,  # noqa: S608 - a name of our own
        {"business": business, "start": start, "end": end},
    )
    days: dict[date, list[BucketFigures]] = {}
    for row in found:
        days.setdefault(row["business_date"], []).append(
            BucketFigures(**{name: row[name] for name in BucketFigures.__dataclass_fields__})
        )
    with engine.connect() as connection:
        signed = _in_force(connection, business, list(days))
    return [
        _standing(business, day, tuple(figures), signed.get(day, ()))
        for day, figures in days.items()
    ]


def compared_businesses(lake: Snapshot) -> list[str]:
    """The businesses of which anything was compared."""
    if TABLE not in lake.tables():
        return []
    found = lake.rows(f"select distinct business from {TABLE} order by business")  # noqa: S608
    return [str(row["business"]) for row in found]


def find_day(engine: Engine, lake: Snapshot, business: str, day: date) -> DayStanding:
    """One day.

    Raises:
        InputError: nothing was compared on that day.
    """
    found = list_days(engine, lake, business, start=day, end=day)
    if not found:
        raise InputError(
            f"Nothing of {business} was compared on {day}; `fourflow reconciliation days` lists "
            "the days."
        )
    return found[0]


def sign_off(
    engine: Engine,
    lake: Snapshot,
    day: tuple[str, date],
    *,
    person: str,
    note: str,
    now: datetime,
    seen: str | None = None,
) -> DayStanding:
    """Somebody agrees to the figures of a day.

    Args:
        engine: the operational database.
        lake: the published snapshot whose figures are signed.
        day: business and business date.
        person: who signs.
        note: why it is right; needed while items are unknown.
        now: the time of it.
        seen: fingerprint of the figures as that person saw them; None: not compared.

    Raises:
        InputError: no name, no such day, unknown items without a note, figures that changed since
            they were seen, or this person has signed them already.
    """
    _require_name(person)
    standing = find_day(engine, lake, *day)
    if seen is not None and seen != standing.fingerprint:
        raise InputError(
            f"The figures of {standing.business_date} changed with publication "
            f"{lake.publication.publication_id} since you opened them; look at them again."
        )
    if standing.unknown_count and not note.strip():
        raise InputError(
            f"{standing.unknown_count} items of {standing.business_date} are unknown; say in a "
            "note why the day can be closed all the same."
        )
    with write_transaction(engine, lock=_LOCK) as connection:
        mine = _signature_of(connection, standing, person)
        if mine is not None and mine.figures_hash == standing.fingerprint:
            raise InputError(
                f"{person} has signed {standing.business_date} with these figures already."
            )
        told = [_as_json(one) for one in standing.figures]
        row = _row(SIGNED, person, note, now) | {"figures": told}
        _add(connection, standing, lake, row)
    return find_day(engine, lake, *day)


def withdraw(
    engine: Engine,
    lake: Snapshot,
    day: tuple[str, date],
    *,
    person: str,
    note: str,
    now: datetime,
) -> DayStanding:
    """Undo: somebody takes back their own signature, with a reason.

    Raises:
        InputError: no name or reason, no such day, or this person has not signed it.
    """
    _require_name(person)
    if not note.strip():
        raise InputError("Taking a signature back needs a reason.")
    standing = find_day(engine, lake, *day)
    with write_transaction(engine, lock=_LOCK) as connection:
        if _signature_of(connection, standing, person) is None:
            raise InputError(f"{person} has not signed {standing.business_date}.")
        _add(connection, standing, lake, _row(WITHDRAWN, person, note, now))
    return find_day(engine, lake, *day)


def changes(signed: SignOff, now: Sequence[BucketFigures]) -> list[dict[str, Any]]:
    """What a day's figures say now and did not when they were signed, line by line."""
    before = {one.key: one for one in signed.figures}
    after = {one.key: one for one in now}
    rows = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        rows.append(
            {
                "comparison": key[0],
                "residual_bucket": key[1],
                "currency_code": key[2],
                "item_count_then": old.item_count if old else 0,
                "item_count_now": new.item_count if new else 0,
                "difference_then": old.difference_amount if old else Decimal(0),
                "difference_now": new.difference_amount if new else Decimal(0),
            }
        )
    return rows


def _require_name(person: str) -> None:
    if not person.strip():
        raise InputError("Say who you are: a reconciliation is signed by a person.")


def _standing(
    business: str, day: date, figures: tuple[BucketFigures, ...], signed: Sequence[Row[Any]]
) -> DayStanding:
    fingerprint = _fingerprint(figures)
    return DayStanding(
        business,
        day,
        figures,
        fingerprint,
        tuple(
            SignOff(
                row.person,
                row.signed_at,
                row.note,
                row.publication_id,
                tuple(_from_json(one) for one in row.figures),
                row.figures_hash != fingerprint,
            )
            for row in signed
        ),
    )


def _in_force(
    connection: Connection, business: str, days: Sequence[date]
) -> dict[date, list[Row[Any]]]:
    """By day, each person's newest row where that is a signature, oldest first."""
    table = reconciliation_sign_offs
    query = (
        select(table)
        .where(table.c.business == business, table.c.business_date.in_(days))
        .order_by(table.c.sign_off_id)
    )
    newest = {(row.business_date, row.person): row for row in connection.execute(query)}
    found: dict[date, list[Row[Any]]] = {}
    for (day, _), row in sorted(newest.items(), key=lambda item: item[1].sign_off_id):
        if row.event == SIGNED:
            found.setdefault(day, []).append(row)
    return found


def _signature_of(connection: Connection, day: DayStanding, person: str) -> Row[Any] | None:
    found = _in_force(connection, day.business, [day.business_date]).get(day.business_date, [])
    return next((row for row in found if row.person == person.strip()), None)


def _add(connection: Connection, day: DayStanding, lake: Snapshot, row: dict[str, Any]) -> None:
    connection.execute(
        insert(reconciliation_sign_offs).values(
            business=day.business,
            business_date=day.business_date,
            publication_id=lake.publication.publication_id,
            snapshot_id=lake.publication.snapshot_id,
            figures_hash=day.fingerprint,
            **row,
        )
    )


def _row(event: str, person: str, note: str, now: datetime) -> dict[str, Any]:
    said = {"person": person.strip(), "note": note.strip() or None, "signed_at": now}
    return {"event": event, "figures": [], **said}


def _fingerprint(figures: Sequence[BucketFigures]) -> str:
    text = json.dumps([_as_json(one) for one in figures], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_json(one: BucketFigures) -> dict[str, Any]:
    """Amounts as exact text without a trailing zero, so that equal figures have equal text."""
    return {
        name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
        for name, value in vars(one).items()
    }


def _from_json(told: dict[str, Any]) -> BucketFigures:
    exact: dict[str, Any] = {name: Decimal(told[name]) for name in _AMOUNTS}
    return BucketFigures(**(told | exact))
