"""Delivers decisions effectively once: claim with a lease, send with the key, store the receipt.

A crash between sending and marking sends the same key again, and the sink or the receiver
recognises it. Nothing is sent while the data is red.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from connectors.database.engine import write_transaction
from connectors.database.processes import ProcessIdentity
from connectors.database.runs import RedState
from connectors.database.schema import approvals, decisions, outbox, receipts
from connectors.sinks.base import Sink
from orchestration.decisions.courier import (
    Courier,
    DeliverReport,
    RetryPolicy,
    Step,
    change,
    no_lease,
    note,
)
from orchestration.decisions.states import UNSENT, Happening, HoldCause, chunks


@dataclass(frozen=True)
class Delivery:
    """One decision on its way to one sink."""

    decision_id: str
    sink: str
    state: str
    attempts: int
    next_attempt_at: datetime
    hold_reason: str | None
    last_error: str | None


@dataclass(frozen=True)
class HeldDeliveries:
    """Deliveries that are held for one reason.

    Attributes:
        cause: kind of the hold.
        reason: the sentence that people read.
        deliveries: how many.
        oldest: when the oldest of them was decided.
        next_expires: when the first of them is stale; None: never.
    """

    cause: str
    reason: str
    deliveries: int
    oldest: datetime
    next_expires: datetime | None


def held_deliveries(engine: Engine) -> list[HeldDeliveries]:
    """Everything that is held, by cause and reason."""
    query = (
        select(
            outbox.c.hold_cause,
            outbox.c.hold_reason,
            func.count().label("number"),
            func.min(outbox.c.created_at).label("oldest"),
            func.min(decisions.c.expires_at).label("next_expires"),
        )
        .select_from(outbox.join(decisions))
        .where(outbox.c.state == "held")
        .group_by(outbox.c.hold_cause, outbox.c.hold_reason)
        .order_by(outbox.c.hold_cause, outbox.c.hold_reason)
    )
    with engine.connect() as connection:
        return [
            HeldDeliveries(
                row.hold_cause, row.hold_reason, row.number, row.oldest, row.next_expires
            )
            for row in connection.execute(query)
        ]


def deliver(
    engine: Engine,
    sinks: Mapping[str, Sink],
    *,
    now: datetime,
    worker_id: str,
    red: RedState | None = None,
    limit: int = 10_000,
    policy: RetryPolicy | None = None,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> DeliverReport:
    """Send what is due; several workers, threads and processes may do so at once.

    Args:
        engine: the operational database.
        sinks: the sinks that are switched on, by name; what is meant for others is held.
        now: the present time.
        worker_id: name of this worker, for the history.
        red: the red state; then nothing is sent and everything undelivered is held.
        limit: most attempts in this pass.
        policy: patience; default is RetryPolicy().
        on_step: told what this worker is about to do or has done; for tests that kill it there.
    """
    expired = expire_stale(engine, now=now)
    if red is not None:
        held = hold_all(engine, red.reason(), now=now)
        return DeliverReport(held=held, expired=expired, held_because=red.reason())
    released = release_held(engine, now=now)
    released += _release_sinks(engine, sinks, now)
    held = _hold_sinks_off(engine, sinks, now)
    _free_abandoned(engine, now)
    courier = Courier(
        engine,
        sinks,
        now=now,
        worker_id=worker_id,
        policy=policy or RetryPolicy(),
        on_step=on_step,
    )
    for _ in range(limit):
        if not courier.deliver_next():
            break
    return replace(courier.report, held=held, released=released, expired=expired)


def hold_all(engine: Engine, reason: str, *, now: datetime, cause: HoldCause = "red_data") -> int:
    """Hold everything that is not delivered and not on its way right now; returns how many."""
    return _hold(engine, reason, cause, now, None)


def release_held(
    engine: Engine,
    *,
    now: datetime,
    cause: HoldCause = "red_data",
    rule_id: str | None = None,
    actor: str = "outbox",
) -> int:
    """Let go what was held for this cause; returns how many deliveries are due again.

    Args:
        engine: the operational database.
        now: the present time.
        cause: which holds end.
        rule_id: only decisions of this rule; None: of all.
        actor: who lets go.
    """
    return _release(engine, cause, now, rule_id=rule_id, actor=actor)


def expire_stale(engine: Engine, *, now: datetime) -> int:
    """Give up what waited so long that it is stale; returns how many deliveries."""
    is_stale = decisions.c.expires_at <= now
    waiting = (
        select(outbox.c.outbox_id, outbox.c.decision_id, outbox.c.hold_reason)
        .select_from(outbox.join(decisions))
        .where(is_stale, outbox.c.state.in_(("pending", "held")))
        .order_by(outbox.c.outbox_id)
    )
    with engine.connect() as connection:
        if connection.execute(waiting.limit(1)).first() is None:
            return 0
    with write_transaction(engine) as connection:
        rows = connection.execute(waiting.with_for_update(of=outbox)).all()
        for cause in dict.fromkeys(row.hold_reason for row in rows):
            mine = [row for row in rows if row.hold_reason == cause]
            reason = "expired before it could be sent" + (f"; {cause}" if cause else "")
            _expire(connection, mine, reason, now, "outbox")
    return len(rows)


def deliveries_of(
    connection: Connection, decision_ids: Iterable[str], action: str
) -> list[Row[Any]]:
    """Outbox rows of these decisions that carry an action of this type out."""
    return [
        row
        for chunk in chunks(sorted(decision_ids))
        for row in connection.execute(select(outbox).where(outbox.c.decision_id.in_(chunk)))
        if row.payload["data"]["action"]["type"] == action
    ]


def give_up(engine: Engine, reasons: Mapping[str, str], *, now: datetime, actor: str) -> int:
    """Expire what has not been sent of decisions that events have overtaken; how many deliveries.

    What a worker is sending right now is left alone, and so is what arrived.

    Args:
        engine: the operational database.
        reasons: why, by decision.
        now: the present time.
        actor: who found out.
    """
    given_up = 0
    with write_transaction(engine) as connection:
        for chunk in chunks(sorted(reasons)):
            query = select(outbox.c.outbox_id, outbox.c.decision_id).where(
                outbox.c.decision_id.in_(chunk), outbox.c.state.in_(UNSENT)
            )
            rows = connection.execute(query.order_by(outbox.c.outbox_id).with_for_update()).all()
            for reason in sorted({reasons[row.decision_id] for row in rows}):
                mine = [row for row in rows if reasons[row.decision_id] == reason]
                _expire(connection, mine, reason, now, actor)
            given_up += len(rows)
    return given_up


def _expire(
    connection: Connection, rows: Collection[Row[Any]], reason: str, now: datetime, actor: str
) -> None:
    """Close deliveries and what is asked about their decisions."""
    close(connection, rows, reason, now)
    for chunk in chunks([row.decision_id for row in rows]):
        connection.execute(
            update(approvals)
            .where(approvals.c.decision_id.in_(chunk), approvals.c.state == "awaiting")
            .values(state="expired", closed_at=now)
        )
    note(connection, rows, Happening("expired", now, actor, {"reason": reason}))


def close(
    connection: Connection,
    rows: Collection[Row[Any]],
    reason: str,
    now: datetime,
    *,
    cause: HoldCause | None = None,
) -> None:
    """Cancel deliveries that will not happen any more; the cause `person` means rejected."""
    values = {"state": "cancelled", "hold_cause": cause, "hold_reason": reason, **no_lease(now)}
    change(connection, rows, values)


def retry_dead(
    engine: Engine, *, now: datetime, actor: str, decision_ids: Collection[str] | None = None
) -> int:
    """Put dead deliveries (all, or those of some decisions) in the queue again with a clean count.

    They keep their idempotency keys, so a receiver that did get one the first time ignores it.
    """
    query = select(outbox.c.outbox_id, outbox.c.decision_id).where(outbox.c.state == "dead")
    values = {"state": "pending", "attempts": 0, "next_attempt_at": now, "last_error": None}
    wanted = None if decision_ids is None else set(decision_ids)
    with write_transaction(engine) as connection:
        rows = [
            row
            for row in connection.execute(query.order_by(outbox.c.outbox_id).with_for_update())
            if wanted is None or row.decision_id in wanted
        ]
        change(connection, rows, {**values, "updated_at": now})
        note(connection, rows, Happening("retried", now, actor))
    return len(rows)


def list_deliveries(engine: Engine, decision_ids: Collection[str]) -> list[Delivery]:
    """The deliveries of these decisions."""
    found = []
    with engine.connect() as connection:
        for chunk in chunks(list(decision_ids)):
            query = select(outbox).where(outbox.c.decision_id.in_(chunk))
            found += [
                Delivery(
                    row.decision_id,
                    row.sink,
                    row.state,
                    row.attempts,
                    row.next_attempt_at,
                    row.hold_reason,
                    row.last_error,
                )
                for row in connection.execute(query.order_by(outbox.c.outbox_id))
            ]
    return found


def list_receipts(engine: Engine, decision_id: str) -> list[dict[str, Any]]:
    """What the targets acknowledged of a decision, oldest first, with the target's own numbers."""
    columns = (receipts.c.sink, receipts.c.outcome, receipts.c.received_at, receipts.c.detail)
    query = select(*columns).where(receipts.c.decision_id == decision_id)
    with engine.connect() as connection:
        found = connection.execute(query.order_by(receipts.c.receipt_id))
        return [dict(row._mapping) for row in found]


def _hold(
    engine: Engine, reason: str, cause: HoldCause, now: datetime, sinks_on: Collection[str] | None
) -> int:
    """Hold open deliveries; with `sinks_on` only those for sinks that are not on."""
    # A delivery that a dead worker left behind keeps its state: it may have had its effect.
    query = select(outbox.c.outbox_id, outbox.c.decision_id).where(outbox.c.state == "pending")
    if sinks_on is not None:
        query = query.where(outbox.c.sink.not_in(list(sinks_on)))
    with write_transaction(engine) as connection:
        rows = connection.execute(query.order_by(outbox.c.outbox_id).with_for_update()).all()
        values = {"state": "held", "hold_cause": cause, "hold_reason": reason, **no_lease(now)}
        change(connection, rows, values)
        note(connection, rows, Happening("held", now, "outbox", {"reason": reason}))
    return len(rows)


def _release(
    engine: Engine,
    cause: HoldCause,
    now: datetime,
    *,
    sinks_on: Collection[str] | None = None,
    rule_id: str | None = None,
    actor: str = "outbox",
) -> int:
    query = (
        select(outbox.c.outbox_id, outbox.c.decision_id)
        .select_from(outbox.join(decisions))
        .where(outbox.c.state == "held", outbox.c.hold_cause == cause)
    )
    if sinks_on is not None:
        query = query.where(outbox.c.sink.in_(list(sinks_on)))
    if rule_id is not None:
        query = query.where(decisions.c.rule_id == rule_id)
    with write_transaction(engine) as connection:
        locked = query.order_by(outbox.c.outbox_id).with_for_update(of=outbox)
        rows = connection.execute(locked).all()
        values = {"state": "pending", "hold_cause": None, "hold_reason": None, "updated_at": now}
        change(connection, rows, values)
        note(connection, rows, Happening("released", now, actor, {"cause": cause}))
    return len(rows)


def _hold_sinks_off(engine: Engine, sinks: Collection[str], now: datetime) -> int:
    reason = (
        "held because its sink is switched off; set FOURFLOW_WEBHOOK_URL, FOURFLOW_EMAIL_URL or "
        "FOURFLOW_CHAT_URL, or the sink in fourflow.yml, to send it"
    )
    return _hold(engine, reason, "sink_off", now, sinks)


def _release_sinks(engine: Engine, sinks: Collection[str], now: datetime) -> int:
    return _release(engine, "sink_off", now, sinks_on=sinks)


def _free_abandoned(engine: Engine, now: datetime) -> None:
    """End the leases of workers on this host that were killed, so that nothing waits for them."""
    query = select(outbox.c.lease_owner).where(outbox.c.state == "claimed").distinct()
    with write_transaction(engine) as connection:
        owners: Sequence[str] = connection.execute(query).scalars().all()
        for owner in owners:
            host, pid, start, _ = owner.split("|")
            if ProcessIdentity(host, int(pid), start or None).is_gone():
                connection.execute(
                    update(outbox)
                    .where(outbox.c.state == "claimed", outbox.c.lease_owner == owner)
                    .values(lease_until=now)
                )
