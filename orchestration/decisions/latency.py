"""How fast decisions become actions: from the proposal to what was done, by rule and owner.

What was done is the first receipt of a target for what was decided, not for the question whether it
may be, or a person's no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import Engine, Row, and_, func, select

from connectors.database.schema import approvals, decisions, receipts

_DONE: Final = ("confirmed", "measured")
_GIVEN_UP: Final = ("expired", "dead", "failed")


@dataclass(frozen=True)
class Waits:
    """How long something took: how many, the median and the ninth decile in seconds."""

    count: int
    p50: float | None
    p90: float | None


@dataclass(frozen=True)
class ActionLatency:
    """How fast the decisions of one rule became actions.

    Attributes:
        rule_id: which rule.
        owner: who answers for it.
        decided: decisions that were to be acted on.
        acted: those of which a target has told the receipt.
        refused: those that a person rejected.
        given_up: those that went stale or could not be delivered.
        waiting: all others.
        p50_seconds: median from the proposal to the receipt or the no; None without any.
        p90_seconds: ninth decile of it.
    """

    rule_id: str
    owner: str | None
    decided: int
    acted: int
    refused: int
    given_up: int
    waiting: int
    p50_seconds: float | None
    p90_seconds: float | None


def waits_of(seconds: Sequence[float]) -> Waits:
    """How many of these there are, and how long half of them and nine in ten took at most."""
    if not seconds:
        return Waits(0, None, None)
    half, most = np.quantile(np.array(seconds), (0.5, 0.9))
    return Waits(len(seconds), float(half), float(most))


def action_latencies(
    engine: Engine, *, rule_id: str | None = None, since: datetime | None = None
) -> list[ActionLatency]:
    """One entry a rule and owner, the slowest first.

    Args:
        engine: the operational database.
        rule_id: only decisions of this rule.
        since: only those proposed from then on.
    """
    # Before an approval is closed only the question itself is delivered.
    begins = func.coalesce(approvals.c.closed_at, decisions.c.created_at)
    known = (
        decisions.c.decision_id,
        decisions.c.rule_id,
        decisions.c.owner,
        decisions.c.state,
        decisions.c.created_at,
        decisions.c.updated_at,
        approvals.c.state.label("approval_state"),
        approvals.c.closed_at,
    )
    answered = and_(
        receipts.c.decision_id == decisions.c.decision_id, receipts.c.received_at >= begins
    )
    query = (
        select(*known, func.min(receipts.c.received_at).label("received_at"))
        .select_from(decisions.outerjoin(approvals).outerjoin(receipts, answered))
        .where(decisions.c.mode == "act")
        .group_by(*known)
    )
    if rule_id is not None:
        query = query.where(decisions.c.rule_id == rule_id)
    if since is not None:
        query = query.where(decisions.c.created_at >= since)
    found: dict[tuple[str, str | None], list[Row[Any]]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found.setdefault((row.rule_id, row.owner), []).append(row)
    told = [_latency(*key, rows) for key, rows in found.items()]
    return sorted(told, key=lambda one: (-(one.p50_seconds or -1), one.rule_id, one.owner or ""))


def _latency(rule_id: str, owner: str | None, rows: Sequence[Row[Any]]) -> ActionLatency:
    acted, refused, given_up, seconds = 0, 0, 0, []
    for row in rows:
        outcome, moment = _outcome(row)
        acted += outcome == "acted"
        refused += outcome == "refused"
        given_up += outcome == "given_up"
        if moment is not None:
            seconds.append((moment - row.created_at).total_seconds())
    waits = waits_of(seconds)
    return ActionLatency(
        rule_id,
        owner,
        len(rows),
        acted,
        refused,
        given_up,
        len(rows) - acted - refused - given_up,
        waits.p50,
        waits.p90,
    )


def _outcome(row: Row[Any]) -> tuple[str, datetime | None]:
    """What was done about a decision, and when."""
    if row.approval_state == "rejected":
        return "refused", row.closed_at
    if row.approval_state in ("expired", "awaiting"):
        return ("given_up" if row.approval_state == "expired" else "waiting"), None
    if row.received_at is not None:
        return "acted", row.received_at
    if row.approval_state == "approved" and row.state in _DONE:
        return "acted", row.closed_at  # the answer is all that the rule wants
    if row.state == "rejected":
        return "refused", row.updated_at
    return ("given_up" if row.state in _GIVEN_UP else "waiting"), None
