"""What people do about exceptions: take, give, hand back, resolve and reopen."""

from collections.abc import Callable
from dataclasses import replace

from app_streamlit.queries import exceptions as cached
from app_streamlit.queries.access import current_viewer, note, write_as
from app_streamlit.queries.edition import newest_edition, open_edition
from connectors.database.engine import open_database
from connectors.errors import ForbiddenError
from connectors.lake.sight import EVERYTHING
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.stewardship import exceptions
from orchestration.stewardship.exception_queue import ExceptionCase, Seen


def take(key: str, *, person: str, seen: Seen) -> ExceptionCase:
    """Take care of a case.

    Raises:
        InputError: it is gone or resolved, or somebody else was faster.
        ForbiddenError: the viewer may not, or does not see it.
    """
    return _write(exceptions.take, key, person, seen=seen)


def assign(key: str, *, to: str, person: str, seen: Seen) -> ExceptionCase:
    """Give a case to somebody.

    Raises:
        InputError: it is gone or resolved, nobody is named, or somebody else was faster.
        ForbiddenError: the viewer may not, or does not see it.
    """
    return _write(exceptions.assign, key, person, to=to, seen=seen)


def hand_back(key: str, *, person: str, seen: Seen) -> ExceptionCase:
    """Let somebody else take a case.

    Raises:
        InputError: nobody has it, or somebody else was faster.
        ForbiddenError: the viewer may not, or does not see it.
    """
    return _write(exceptions.hand_back, key, person, seen=seen)


def resolve(key: str, option: str, *, person: str, note_: str, seen: Seen) -> ExceptionCase:
    """Say how a case was resolved.

    Raises:
        InputError: it is gone or resolved, the option is none of its own, or somebody was faster.
        ForbiddenError: the viewer may not, or does not see it.
    """
    return _write(exceptions.resolve, key, person, resolution=option, note=note_, seen=seen)


def reopen(key: str, *, person: str, seen: Seen) -> ExceptionCase:
    """Undo resolving a case.

    Raises:
        InputError: it is not resolved (any more), or somebody else was faster.
        ForbiddenError: the viewer may not, or does not see it.
    """
    return _write(exceptions.reopen, key, person, seen=seen)


def _write(
    act: Callable[..., ExceptionCase], key: str, person: str, **given: str | Seen
) -> ExceptionCase:
    """Act on the newest publication, on a case among those that the viewer sees."""
    visible = newest_edition(current_viewer().sight)
    if visible.sight.rows and cached.load_case(visible, key) is None:
        note("refused", f"work_exceptions {key}")
        raise ForbiddenError(f"There is no exception {key[:100]} that you may see.")
    who = write_as("work_exceptions", key, person)
    # The whole lake: what is hidden from the viewer is kept with the case all the same.
    lake = open_edition(replace(visible, sight=EVERYTHING))
    return act(open_database(load_settings()), lake, key, person=who, now=utc_now(), **given)
