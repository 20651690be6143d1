"""Who looks: the viewer of this session, and the entries that they leave in the access log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app_streamlit.queries.edition import newest_edition, open_edition
from connectors.database.engine import open_database
from connectors.errors import ForbiddenError
from connectors.settings import load_settings
from orchestration.access.decisions import permitted_decisions
from orchestration.access.log import AccessEntry, Event, record_access
from orchestration.access.login import login_file
from orchestration.access.viewer import OPEN_VIEWER, Action, Viewer
from orchestration.decisions.ledger import find_decision

_VIEWER = "_viewer"
_TOLD = "_access_told"


def keep_viewer(viewer: Viewer) -> None:
    """Make the viewer known to the queries of this session; the router does, on every run."""
    st.session_state[_VIEWER] = viewer


def current_viewer() -> Viewer:
    """The viewer of this session.

    Raises:
        ForbiddenError: a login is set up and nobody signed in.
    """
    viewer: Viewer | None = st.session_state.get(_VIEWER)
    if viewer is not None:
        return viewer
    if login_file(load_settings()) is not None:
        raise ForbiddenError("Nobody is signed in; open the dashboards anew.")
    return OPEN_VIEWER


def write_as(action: Action, subject: str, person: str) -> str:
    """Whether the viewer may do something, and the entry that they do; call it before a write.

    Args:
        action: what is done.
        subject: to what: a decision, a rule.
        person: the name that somebody gave, where nobody signs in.

    Returns:
        The name for what is written: of who signed in, whatever name was given.

    Raises:
        ForbiddenError: the viewer's role lacks the action; that is logged too.
    """
    viewer = current_viewer()
    if viewer.is_open:
        viewer = replace(viewer, person=person)
    try:
        viewer.require(action)
    except ForbiddenError as error:
        note("refused", f"{action} {subject}", str(error), viewer=viewer)
        raise
    note("wrote", f"{action} {subject}", viewer=viewer)
    return viewer.person


def person_of(action: Action, person: str) -> str:
    """`write_as` for a rehearsal: the same name and refusal, and no entry that anything was done.

    Raises:
        ForbiddenError: the viewer's role lacks the action.
    """
    viewer = current_viewer()
    viewer.require(action)
    return person if viewer.is_open else viewer.person


def write_on_decision(action: Action, decision_id: str, person: str) -> str:
    """`write_as` for a decision, which must be among those that the viewer sees.

    Raises:
        ForbiddenError: the viewer's role lacks the action, or the decision is of others.
    """
    require_decision(decision_id)
    return write_as(action, decision_id, person)


def require_decision(decision_id: str) -> None:
    """Refuse a decision that is not among those that the viewer sees.

    Raises:
        ForbiddenError: it is of others, and that is logged; to the viewer it does not exist.
    """
    sight = current_viewer().sight
    if not sight.rows:
        return
    found = [find_decision(open_database(load_settings()), decision_id)]
    if not permitted_decisions(found, sight, read_newest):
        note("refused", f"decision {decision_id}")
        raise ForbiddenError(f"There is no decision {decision_id[:100]} that you may see.")


def require_all_rows() -> None:
    """Refuse figures of everybody's rows to whom sees some only.

    Raises:
        ForbiddenError: the viewer does.
    """
    if current_viewer().sight.rows:
        raise ForbiddenError("These figures can't be restricted to the rows that you may see.")


def note(
    event: Event,
    subject: str,
    detail: str | None = None,
    *,
    publication_id: str | None = None,
    row_count: int | None = None,
    viewer: Viewer | None = None,
) -> None:
    """Add an entry to the access log."""
    who = viewer or current_viewer()
    entry = AccessEntry(
        person=who.person,
        role=who.role,
        door="dashboards",
        event=event,
        subject=subject,
        detail=detail,
        publication_id=publication_id,
        row_count=row_count,
    )
    record_access(open_database(load_settings()), entry, now=datetime.now(UTC))


def note_once(event: Event, subject: str, detail: str | None = None, **more: Any) -> None:
    """`note`, once a session: a page runs again with every click."""
    told: set[tuple[str, str]] = st.session_state.setdefault(_TOLD, set())
    if (event, subject) not in told:
        told.add((event, subject))
        note(event, subject, detail, **more)


def read_newest(sql: str, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Rows of the newest publication as it is: only to find out what belongs to whom."""
    whole = newest_edition()
    return open_edition(whole).rows(sql, params) if whole.publication_id else []
