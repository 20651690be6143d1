"""States of a decision, derived from its deliveries, and the history that every change leaves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from connectors.database.schema import decision_events, decisions, outbox

DecisionState = Literal["proposed", "sent", "confirmed", "held", "failed", "dead"]
HoldCause = Literal["red_data", "sink_off", "person"]
DECISION_STATES: tuple[DecisionState, ...] = (
    "proposed",
    "sent",
    "confirmed",
    "held",
    "failed",
    "dead",
)
CLOSED_STATES: tuple[DecisionState, ...] = ("dead",)
_CHUNK = 500


@dataclass(frozen=True)
class Happening:
    """Something that happened to decisions: what, when, who did it and the details."""

    event: str
    at: datetime
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    is_first: bool = False


def derive_state(deliveries: Sequence[Row[Any]]) -> tuple[DecisionState, str | None]:
    """State and reason of a decision from its outbox rows.

    `sent` means handed over without a receipt yet, `failed` that it will be tried again.
    """
    states = {row.state for row in deliveries}
    if not states:
        return "proposed", None
    if states == {"delivered"}:
        return "confirmed", None
    for state, name in (("held", "held"), ("claimed", "sent")):
        if state in states:
            return _as_state(name), _first(deliveries, "hold_reason") if name == "held" else None
    if "pending" in states:
        if any(row.state == "pending" and row.attempts for row in deliveries):
            return "failed", _first(deliveries, "last_error")
        return ("sent", None) if "delivered" in states else ("proposed", None)
    return "dead", _first(deliveries, "last_error")


def refresh_states(
    connection: Connection,
    decision_ids: Sequence[str],
    happening: Happening,
    *,
    only_changes: bool = False,
) -> int:
    """Derive the states of these decisions anew and append to their history.

    The ledger rows are locked before the deliveries are read: of two workers that finish two
    deliveries of one decision at once, the second sees what the first did.

    Args:
        connection: an open write transaction.
        decision_ids: which decisions.
        happening: what is written to their history.
        only_changes: leave out decisions whose state stays the same.

    Returns:
        How many decisions were written to.
    """
    written = 0
    for chunk in chunks(sorted(decision_ids)):
        current = _current_states(connection, chunk)
        deliveries = _deliveries(connection, chunk)
        changes = []
        for decision_id in chunk:
            state, reason = derive_state(deliveries.get(decision_id, []))
            if only_changes and state == current[decision_id]:
                continue
            changes.append((decision_id, current[decision_id], state, reason))
        if changes:
            _write(connection, changes, happening)
        written += len(changes)
    return written


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Slices that fit the number of parameters a statement may have."""
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _write(
    connection: Connection,
    changes: Sequence[tuple[str, str, DecisionState, str | None]],
    happening: Happening,
) -> None:
    connection.execute(
        update(decisions)
        .where(decisions.c.decision_id == bindparam("changed_id"))
        .values(
            state=bindparam("new_state"),
            state_reason=bindparam("new_reason"),
            updated_at=bindparam("changed_at"),
        ),
        [
            {
                "changed_id": decision_id,
                "new_state": state,
                "new_reason": reason,
                "changed_at": happening.at,
            }
            for decision_id, _, state, reason in changes
        ],
    )
    connection.execute(
        insert(decision_events),
        [
            {
                "decision_id": decision_id,
                "happened_at": happening.at,
                "event": happening.event,
                "from_state": None if happening.is_first else before,
                "to_state": state,
                "actor": happening.actor,
                "detail": dict(happening.detail),
            }
            for decision_id, before, state, _ in changes
        ],
    )


def _current_states(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    query = select(decisions.c.decision_id, decisions.c.state)
    query = query.where(decisions.c.decision_id.in_(ids)).order_by(decisions.c.decision_id)
    rows = connection.execute(query.with_for_update())
    return {row.decision_id: row.state for row in rows}


def _deliveries(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    query = select(outbox).where(outbox.c.decision_id.in_(ids)).order_by(outbox.c.outbox_id)
    for row in connection.execute(query):
        found.setdefault(row.decision_id, []).append(row)
    return found


def _as_state(name: str) -> DecisionState:
    return next(state for state in DECISION_STATES if state == name)


def _first(deliveries: Sequence[Row[Any]], column: str) -> str | None:
    return next((value for row in deliveries if (value := getattr(row, column))), None)
