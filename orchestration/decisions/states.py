"""States of a decision, derived from approval and deliveries, and the history of every change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from connectors.database.schema import approvals, decision_events, decisions, outbox

DecisionState = Literal[
    "proposed",
    "awaiting_approval",
    "approved",
    "rejected",
    "expired",
    "held",
    "sent",
    "failed",
    "dead",
    "confirmed",
    "measured",
    "shadow",
    "held_out",
]
DecisionMode = Literal["act", "shadow", "hold_out"]
HoldCause = Literal["approval", "volume", "red_data", "sink_off", "person"]
DECISION_STATES: tuple[DecisionState, ...] = get_args(DecisionState)
# A decision in one of these does not keep the rule from deciding about the same subject again.
CLOSED_STATES: tuple[DecisionState, ...] = ("dead", "expired")
# Of a delivery: nobody is sending it now, and it has not arrived.
UNSENT = ("pending", "held", "dead")
_CHUNK = 500
# What the first of these states among the deliveries makes of the decision, and where it says why.
_BY_DELIVERY: tuple[tuple[str, DecisionState, str], ...] = (
    ("held", "held", "hold_reason"),
    ("claimed", "sent", ""),
    ("dead", "dead", "last_error"),
    ("cancelled", "expired", "hold_reason"),
)
_OPEN_OR_REFUSED: dict[str, DecisionState] = {
    "awaiting": "awaiting_approval",
    "rejected": "rejected",
    "expired": "expired",
}


@dataclass(frozen=True)
class Happening:
    """Something that happened to decisions: what, when, who did it and the details."""

    event: str
    at: datetime
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    is_first: bool = False


def derive_state(
    decision: Row[Any], deliveries: Sequence[Row[Any]]
) -> tuple[DecisionState, str | None]:
    """State and reason of a decision from its ledger row, its approval and its outbox rows.

    Args:
        decision: with `mode`, `measured_at` and `approval_state` (None: nobody need approve it).
        deliveries: its outbox rows.

    Returns:
        `sent` means handed over without a receipt yet, `failed` that it will be tried again.
    """
    if decision.mode != "act":
        return ("shadow" if decision.mode == "shadow" else "held_out"), None
    if decision.approval_state in _OPEN_OR_REFUSED:
        return _OPEN_OR_REFUSED[decision.approval_state], _first(deliveries, "hold_reason")
    state, reason = _delivery_state(deliveries)
    if state == "confirmed" and decision.measured_at is not None:
        return "measured", None
    if state == "proposed" and decision.approval_state == "approved":
        return "approved", None
    return state, reason


def _delivery_state(deliveries: Sequence[Row[Any]]) -> tuple[DecisionState, str | None]:
    states = {row.state for row in deliveries}
    if "pending" in states and not states & {"held", "claimed", "dead"}:
        if any(row.state == "pending" and row.attempts for row in deliveries):
            return "failed", _first(deliveries, "last_error")
        return ("sent", None) if "delivered" in states else ("proposed", None)
    if any(row.state == "cancelled" and row.hold_cause == "person" for row in deliveries):
        return "rejected", _first(deliveries, "hold_reason")
    for state, name, reason in _BY_DELIVERY:
        if state in states:
            return name, _first(deliveries, reason) if reason else None
    return ("confirmed", None) if states else ("proposed", None)


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
            before = current[decision_id]
            state, reason = derive_state(before, deliveries.get(decision_id, []))
            if only_changes and state == before.state:
                continue
            changes.append((decision_id, before.state, state, reason))
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


def _current_states(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    locked = select(decisions.c.decision_id).where(decisions.c.decision_id.in_(ids))
    connection.execute(locked.order_by(decisions.c.decision_id).with_for_update()).all()
    query = (
        select(
            decisions.c.decision_id,
            decisions.c.state,
            decisions.c.mode,
            decisions.c.measured_at,
            approvals.c.state.label("approval_state"),
        )
        .select_from(decisions.outerjoin(approvals))
        .where(decisions.c.decision_id.in_(ids))
    )
    return {row.decision_id: row for row in connection.execute(query)}


def _deliveries(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    query = select(outbox).where(outbox.c.decision_id.in_(ids)).order_by(outbox.c.outbox_id)
    for row in connection.execute(query):
        found.setdefault(row.decision_id, []).append(row)
    return found


def _first(deliveries: Sequence[Row[Any]], column: str) -> str | None:
    return next((value for row in deliveries if (value := getattr(row, column))), None)
