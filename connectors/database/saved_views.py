"""Views that people keep under a name of their own, and which of them are on their cockpit.

A view is what the address of a page says (metrics, dimensions, filters), never figures: opened
again, it shows what is published then. Every function takes the person, so nobody reads or changes
what somebody else keeps.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import saved_views
from connectors.errors import InputError

LONGEST_NAME = 80
MOST_VIEWS = 200


@dataclass(frozen=True)
class SavedView:
    """One view of one person.

    Attributes:
        view_id: what it is asked by.
        name: what its person calls it.
        choices: what the address of the page says.
        position: its place on the cockpit, from 1; None when it is not there.
        updated_at: when it was last saved or moved.
    """

    view_id: str
    person: str
    name: str
    choices: Mapping[str, str]
    position: int | None
    updated_at: datetime


def list_views(engine: Engine, person: str) -> list[SavedView]:
    """All views of a person by name."""
    query = select(saved_views).where(saved_views.c.person == person).order_by(saved_views.c.name)
    with engine.connect() as connection:
        return [_view(row) for row in connection.execute(query)]


def list_pinned(engine: Engine, person: str) -> list[SavedView]:
    """The views on a person's cockpit, in their order."""
    with engine.connect() as connection:
        return [_view(row) for row in _pinned(connection, person)]


def save_view(
    engine: Engine, person: str, name: str, choices: Mapping[str, str], *, now: datetime
) -> SavedView:
    """Keep a view; one that the person has under this name already is replaced, place and all kept.

    Raises:
        InputError: the name is empty or too long, or the person keeps too many views.
    """
    called = " ".join(name.split())
    if not called or len(called) > LONGEST_NAME:
        raise InputError(
            f"A view needs a name of 1 to {LONGEST_NAME} characters, not {len(called)}."
        )
    with write_transaction(engine) as connection:
        same = select(saved_views).where(
            saved_views.c.person == person, saved_views.c.name == called
        )
        known = connection.execute(same).one_or_none()
        if known is not None:
            change = {"choices": dict(choices), "updated_at": now}
            _change(connection, known.view_id, change)
        else:
            _refuse_too_many(connection, person)
            connection.execute(
                insert(saved_views).values(
                    view_id=secrets.token_hex(8),
                    person=person,
                    name=called,
                    choices=dict(choices),
                    position=None,
                    created_at=now,
                    updated_at=now,
                )
            )
        return _view(connection.execute(same).one())


def delete_view(engine: Engine, person: str, view_id: str) -> None:
    """Forget a view and its place on the cockpit; one that is gone already is no mistake."""
    with write_transaction(engine) as connection:
        connection.execute(
            delete(saved_views).where(
                saved_views.c.person == person, saved_views.c.view_id == view_id
            )
        )
        _renumber(connection, [row.view_id for row in _pinned(connection, person)])


def pin_view(engine: Engine, person: str, view_id: str, *, now: datetime) -> None:
    """Put a view at the end of the person's cockpit; one that is there stays where it is.

    Raises:
        InputError: the person has no such view.
    """
    with write_transaction(engine) as connection:
        found = _own(connection, person, view_id)
        if found.position is None:
            last = len(_pinned(connection, person))
            _change(connection, view_id, {"position": last + 1, "updated_at": now})


def unpin_view(engine: Engine, person: str, view_id: str) -> None:
    """Take a view from the cockpit; it stays saved.

    Raises:
        InputError: the person has no such view.
    """
    with write_transaction(engine) as connection:
        _own(connection, person, view_id)
        _change(connection, view_id, {"position": None})
        _renumber(connection, [row.view_id for row in _pinned(connection, person)])


def move_view(engine: Engine, person: str, view_id: str, places: int) -> None:
    """Move a view of the cockpit by some places: -1 is one earlier; the ends are as far as it goes.

    Raises:
        InputError: the view is not on the person's cockpit.
    """
    with write_transaction(engine) as connection:
        order = [row.view_id for row in _pinned(connection, person)]
        if view_id not in order:
            raise InputError("This view is not on your cockpit any more; load the page again.")
        place = order.index(view_id)
        order.remove(view_id)
        order.insert(min(max(place + places, 0), len(order)), view_id)
        _renumber(connection, order)


def _view(row: Row[Any]) -> SavedView:
    return SavedView(
        view_id=row.view_id,
        person=row.person,
        name=row.name,
        choices={str(key): str(value) for key, value in row.choices.items()},
        position=row.position,
        updated_at=row.updated_at,
    )


def _pinned(connection: Connection, person: str) -> Sequence[Row[Any]]:
    query = (
        select(saved_views)
        .where(saved_views.c.person == person, saved_views.c.position.is_not(None))
        .order_by(saved_views.c.position, saved_views.c.name)
    )
    return connection.execute(query).all()


def _own(connection: Connection, person: str, view_id: str) -> Row[Any]:
    query = select(saved_views).where(
        saved_views.c.person == person, saved_views.c.view_id == view_id
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise InputError("You have no such view any more; load the page again.")
    return found


def _refuse_too_many(connection: Connection, person: str) -> None:
    query = select(func.count()).select_from(saved_views).where(saved_views.c.person == person)
    if connection.execute(query).scalar_one() >= MOST_VIEWS:
        raise InputError(
            f"You keep {MOST_VIEWS} views already; delete one before you save another."
        )


def _change(connection: Connection, view_id: str, values: Mapping[str, Any]) -> None:
    connection.execute(update(saved_views).where(saved_views.c.view_id == view_id).values(**values))


def _renumber(connection: Connection, order: Sequence[str]) -> None:
    for number, view_id in enumerate(order, start=1):
        _change(connection, view_id, {"position": number})
