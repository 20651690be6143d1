"""Delivers decisions effectively once: claim with a lease, send with the key, store the receipt.

A crash between sending and marking sends the same key again, and the sink or the receiver
recognises it. Nothing is sent while the data is red.
"""

import logging
import random
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, insert, or_, select, update

from connectors.database.engine import write_transaction
from connectors.database.processes import ProcessIdentity, this_process
from connectors.database.runs import RedState
from connectors.database.schema import outbox, receipts
from connectors.errors import PermanentError, RetryLaterError
from connectors.sinks.base import Receipt, Sink
from orchestration.decisions.states import Happening, HoldCause, chunks, refresh_states

logger = logging.getLogger(__name__)
_OPEN = ("pending", "claimed")


@dataclass(frozen=True)
class RetryPolicy:
    """How patient delivery is.

    Attributes:
        max_attempts: failures after which a delivery is dead.
        first_delay: upper bound of the pause after the first failure; doubles from there.
        longest_delay: upper bound of any pause.
        lease: how long a claim lasts; longer than any sink's time-out.
    """

    max_attempts: int = 8
    first_delay: timedelta = timedelta(seconds=10)
    longest_delay: timedelta = timedelta(hours=1)
    lease: timedelta = timedelta(seconds=120)

    def delay_after(self, attempts: int, *, draw: float) -> timedelta:
        """The pause after that many failures; `draw` in [0, 1) spreads it over its upper half."""
        doubled = self.first_delay * float(1 << min(max(attempts - 1, 0), 30))
        bound = min(doubled, self.longest_delay)
        return bound * (0.5 + 0.5 * draw)


@dataclass(frozen=True)
class DeliverReport:
    """What one pass of delivery did; numbers are deliveries (a decision to a sink)."""

    delivered: int = 0
    duplicates: int = 0
    retrying: int = 0
    dead: int = 0
    held: int = 0
    released: int = 0
    held_because: str | None = None


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


def deliver(
    engine: Engine,
    sinks: Mapping[str, Sink],
    *,
    now: datetime,
    worker_id: str,
    red: RedState | None = None,
    limit: int = 10_000,
    policy: RetryPolicy | None = None,
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
    """
    if red is not None:
        held = hold_all(engine, red.reason(), now=now)
        return DeliverReport(held=held, held_because=red.reason())
    released = release_held(engine, now=now)
    released += _release_sinks(engine, sinks, now)
    held = _hold_sinks_off(engine, sinks, now)
    _free_abandoned(engine, now)
    courier = _Courier(engine, sinks, now, worker_id, policy or RetryPolicy())
    for _ in range(limit):
        if not courier.deliver_next():
            break
    return replace(courier.report, held=held, released=released)


def hold_all(engine: Engine, reason: str, *, now: datetime, cause: HoldCause = "red_data") -> int:
    """Hold everything that is not delivered and not on its way right now; returns how many."""
    return _hold(engine, reason, cause, now, None)


def release_held(engine: Engine, *, now: datetime, cause: HoldCause = "red_data") -> int:
    """Let go what was held for this cause; returns how many deliveries are due again."""
    return _release(engine, cause, now, None)


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
        _change(connection, rows, {**values, "updated_at": now})
        _note(connection, rows, Happening("retried", now, actor))
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


class _Courier:
    """One worker's pass over the queue."""

    def __init__(
        self,
        engine: Engine,
        sinks: Mapping[str, Sink],
        now: datetime,
        worker_id: str,
        policy: RetryPolicy,
    ) -> None:
        process = this_process()
        self._engine = engine
        self._sinks = sinks
        self._start, self._started = now, time.monotonic()
        self._actor = worker_id
        self._owner = "|".join(
            (process.host, str(process.pid), process.start or "", secrets.token_hex(4))
        )
        self._policy = policy
        self._random = random.SystemRandom()
        self.report = DeliverReport()

    def deliver_next(self) -> bool:
        """Try the delivery that is due longest; False when none is due."""
        claimed = self._claim()
        if claimed is None:
            return False
        try:
            receipt = self._sinks[claimed.sink].deliver(claimed.idempotency_key, claimed.payload)
        except PermanentError as error:
            self._fail(claimed, error, is_final=True)
        except Exception as error:
            # One broken delivery must not stop the others: it counts as a failed attempt.
            logger.warning(
                "delivery %s to %s failed", claimed.outbox_id, claimed.sink, exc_info=True
            )
            self._fail(claimed, error, is_final=claimed.attempts + 1 >= self._policy.max_attempts)
        else:
            self._confirm(claimed, receipt)
        return True

    def _now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._started)

    def _claim(self) -> Row[Any] | None:
        with write_transaction(self._engine) as connection:
            now = self._now()
            due = and_(outbox.c.state == "pending", outbox.c.next_attempt_at <= now)
            left_behind = and_(outbox.c.state == "claimed", outbox.c.lease_until <= now)
            row = connection.execute(
                select(outbox)
                .where(or_(due, left_behind), outbox.c.sink.in_(list(self._sinks)))
                .order_by(outbox.c.next_attempt_at, outbox.c.outbox_id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            lease = {"lease_owner": self._owner, "lease_until": now + self._policy.lease}
            _change(connection, [row], {"state": "claimed", "updated_at": now, **lease})
            detail = {"sink": row.sink, "attempt": row.attempts + 1}
            _note(connection, [row], Happening("sending", now, self._actor, detail))
            return row

    def _confirm(self, claimed: Row[Any], receipt: Receipt) -> None:
        """A receipt is a fact, whoever holds the lease by now."""
        now = self._now()
        attempt = claimed.attempts + 1
        with write_transaction(self._engine) as connection:
            values = {"state": "delivered", "attempts": attempt, "last_error": None}
            values |= {"hold_cause": None, "hold_reason": None}
            _change(connection, [claimed], {**values, **_no_lease(now)})
            connection.execute(
                insert(receipts).values(
                    outbox_id=claimed.outbox_id,
                    decision_id=claimed.decision_id,
                    sink=claimed.sink,
                    idempotency_key=claimed.idempotency_key,
                    attempt=attempt,
                    outcome=receipt.outcome,
                    received_at=now,
                    detail=dict(receipt.detail),
                )
            )
            detail = {"sink": claimed.sink, "attempt": attempt, "outcome": receipt.outcome}
            _note(connection, [claimed], Happening("receipted", now, self._actor, detail))
        self._count("delivered" if receipt.outcome == "accepted" else "duplicates")

    def _fail(self, claimed: Row[Any], error: Exception, *, is_final: bool) -> None:
        """Note a failure, unless another worker has taken over meanwhile."""
        now = self._now()
        attempts = claimed.attempts + 1
        pause = self._policy.delay_after(attempts, draw=self._random.random())
        if isinstance(error, RetryLaterError):
            pause = max(pause, error.retry_after)
        state = "dead" if is_final else "pending"
        reason = str(error) or type(error).__name__
        with write_transaction(self._engine) as connection:
            still_mine = select(outbox.c.outbox_id).where(
                outbox.c.outbox_id == claimed.outbox_id,
                outbox.c.state == "claimed",
                outbox.c.lease_owner == self._owner,
            )
            if connection.execute(still_mine.with_for_update()).one_or_none() is None:
                return
            values = {"state": state, "attempts": attempts, "last_error": reason}
            _change(
                connection, [claimed], {**values, "next_attempt_at": now + pause, **_no_lease(now)}
            )
            detail = {"sink": claimed.sink, "attempt": attempts, "error": reason}
            event = "given_up" if is_final else "attempt_failed"
            _note(connection, [claimed], Happening(event, now, self._actor, detail))
        self._count("dead" if is_final else "retrying")

    def _count(self, what: str) -> None:
        self.report = replace(self.report, **{what: getattr(self.report, what) + 1})


def _hold(
    engine: Engine, reason: str, cause: HoldCause, now: datetime, sinks_on: Collection[str] | None
) -> int:
    """Hold open deliveries; with `sinks_on` only those for sinks that are not on."""
    idle = or_(
        outbox.c.state == "pending",
        and_(outbox.c.state == "claimed", outbox.c.lease_until <= now),
    )
    query = select(outbox.c.outbox_id, outbox.c.decision_id).where(idle)
    if sinks_on is not None:
        query = query.where(outbox.c.sink.not_in(list(sinks_on)))
    with write_transaction(engine) as connection:
        rows = connection.execute(query.order_by(outbox.c.outbox_id).with_for_update()).all()
        values = {"state": "held", "hold_cause": cause, "hold_reason": reason, **_no_lease(now)}
        _change(connection, rows, values)
        _note(connection, rows, Happening("held", now, "outbox", {"reason": reason}))
    return len(rows)


def _release(
    engine: Engine, cause: HoldCause, now: datetime, sinks_on: Collection[str] | None
) -> int:
    query = select(outbox.c.outbox_id, outbox.c.decision_id).where(
        outbox.c.state == "held", outbox.c.hold_cause == cause
    )
    if sinks_on is not None:
        query = query.where(outbox.c.sink.in_(list(sinks_on)))
    with write_transaction(engine) as connection:
        rows = connection.execute(query.order_by(outbox.c.outbox_id).with_for_update()).all()
        values = {"state": "pending", "hold_cause": None, "hold_reason": None, "updated_at": now}
        _change(connection, rows, values)
        _note(connection, rows, Happening("released", now, "outbox", {"cause": cause}))
    return len(rows)


def _hold_sinks_off(engine: Engine, sinks: Collection[str], now: datetime) -> int:
    reason = "held because its sink is switched off; set FOURFLOW_WEBHOOK_URL to send it"
    return _hold(engine, reason, "sink_off", now, sinks)


def _release_sinks(engine: Engine, sinks: Collection[str], now: datetime) -> int:
    return _release(engine, "sink_off", now, sinks)


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


def _change(connection: Connection, rows: Collection[Row[Any]], values: Mapping[str, Any]) -> None:
    ids = [row.outbox_id for row in rows]
    for chunk in chunks(ids):
        connection.execute(update(outbox).where(outbox.c.outbox_id.in_(chunk)).values(**values))


def _note(connection: Connection, rows: Collection[Row[Any]], happening: Happening) -> None:
    decision_ids = list(dict.fromkeys(row.decision_id for row in rows))
    refresh_states(connection, decision_ids, happening)


def _no_lease(now: datetime) -> dict[str, Any]:
    return {"lease_owner": None, "lease_until": None, "updated_at": now}
