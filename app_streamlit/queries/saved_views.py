"""A person's saved views and cockpit, as the operational database keeps them now."""

from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.database import saved_views
from connectors.database.engine import open_database
from connectors.database.saved_views import SavedView
from connectors.settings import load_settings


def load_views(person: str) -> list[SavedView]:
    """All views of a person by name."""
    return saved_views.list_views(open_database(load_settings()), person)


def load_cockpit(person: str) -> list[SavedView]:
    """The views on a person's cockpit, in their order."""
    return saved_views.list_pinned(open_database(load_settings()), person)


def save(person: str, name: str, choices: Mapping[str, str], *, pin: bool) -> SavedView:
    """Keep a view, and put it on the cockpit.

    Raises:
        InputError: the name is empty or too long, or the person keeps too many views.
    """
    engine, now = open_database(load_settings()), datetime.now(UTC)
    view = saved_views.save_view(engine, person, name, choices, now=now)
    if pin:
        saved_views.pin_view(engine, person, view.view_id, now=now)
    return view


def pin(person: str, view_id: str) -> None:
    """Put a view on the cockpit."""
    engine = open_database(load_settings())
    saved_views.pin_view(engine, person, view_id, now=datetime.now(UTC))


def unpin(person: str, view_id: str) -> None:
    """Take a view from the cockpit."""
    saved_views.unpin_view(open_database(load_settings()), person, view_id)


def move(person: str, view_id: str, places: int) -> None:
    """Move a view of the cockpit by some places."""
    saved_views.move_view(open_database(load_settings()), person, view_id, places)


def delete(person: str, view_id: str) -> None:
    """Forget a view."""
    saved_views.delete_view(open_database(load_settings()), person, view_id)
