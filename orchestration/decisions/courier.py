"""One worker's pass over the outbox: claim with a lease, send with the key, store the receipt."""

import logging
import random
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from connectors.database.engine import write_transaction
from connectors.database.processes import this_process
from connectors.database.schema import decisions, delivery_attempts, outbox, receipts
from connectors.errors import (
    PermanentError,
    RetryLaterError,
    TransientError,
    UnknownOutcomeError,
)
from connectors.sinks.base import FindingSink, Receipt, Sink, UnrepeatableSink
from orchestration.decisions.states import Happening, chunks, refresh_states

logger = logging.getLogger(__name__)
Step = Literal["claiming", "claimed", "sending", "sent", "marking", "marked"]
STEPS: tuple[Step, ...] = get_args(Step)
# The action that says what something is and not by how much it changes: the newest must stand.
_SETS_STATE = "update_stock"


@dataclass(frozen=True)
class RateLimit:
    """The most attempts to one sink in a span of time."""

    most: int
    span: timedelta


# Robots of WeCom and DingTalk take 20 messages a minute; mail servers differ, this is a low one.
DEFAULT_RATE_LIMITS: Mapping[str, RateLimit] = {
    "chat": RateLimit(20, timedelta(minutes=1)),
    "email": RateLimit(100, timedelta(minutes=1)),
}


@dataclass(frozen=True)
class RetryPolicy:
    """How patient delivery is.

    Attributes:
        max_attempts: failures after which a delivery is dead.
        first_delay: upper bound of the pause after the first failure; doubles from there.
        longest_delay: upper bound of any pause.
        lease: how long a claim lasts; longer than any sink's time-out.
        rate_limits: most attempts in a span of time, by sink; others are not limited.
    """

    max_attempts: int = 8
    first_delay: timedelta = timedelta(seconds=10)
    longest_delay: timedelta = timedelta(hours=1)
    lease: timedelta = timedelta(seconds=120)
    rate_limits: Mapping[str, RateLimit] = field(default_factory=lambda: DEFAULT_RATE_LIMITS)

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
    expired: int = 0
    held_because: str | None = None


@dataclass(frozen=True)
class _Claimed:
    """A delivery that is this worker's, and what is known of earlier attempts."""

    row: Row[Any]
    begun_before: bool
    is_left_behind: bool


class Courier:
    """One worker's pass over the queue."""

    def __init__(
        self,
        engine: Engine,
        sinks: Mapping[str, Sink],
        *,
        now: datetime,
        worker_id: str,
        policy: RetryPolicy,
        on_step: Callable[[Step], None] = lambda _step: None,
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
        self._on_step = on_step
        self._random = random.SystemRandom()
        self.report = DeliverReport()

    def deliver_next(self) -> bool:
        """Try the delivery that is due longest; False when none is due."""
        claimed = self._claim()
        if claimed is None:
            return False
        row = claimed.row
        try:
            receipt = self._send(claimed)
        except PermanentError as error:
            self._fail(row, error, is_final=True)
        except Exception as error:
            # One broken delivery must not stop the others: it counts as a failed attempt.
            logger.warning("delivery %s to %s failed", row.outbox_id, row.sink, exc_info=True)
            self._fail(row, error, is_final=self._is_final(row, error))
        else:
            self._on_step("sent")
            self._confirm(row, receipt)
        return True

    def _send(self, claimed: _Claimed) -> Receipt:
        """Send, unless an earlier attempt is found at the target or may not be repeated."""
        row = claimed.row
        sink = self._sinks[row.sink]
        self._on_step("sending")
        if claimed.begun_before and isinstance(sink, FindingSink):
            found = sink.find(row.idempotency_key, row.payload)
            if found is not None:
                return found
        if row.payload.get("data", {}).get("action", {}).get("type") == _SETS_STATE:
            self._refuse_overtaken(row)
        if claimed.is_left_behind and isinstance(sink, UnrepeatableSink):
            raise PermanentError(
                f"Whether {row.sink} got this is unknown: the worker died while sending, and "
                f"{row.sink} can neither ignore a repetition nor be asked; look there, then "
                "`fourflow decisions retry` or leave it."
            )
        return sink.deliver(row.idempotency_key, row.payload)

    def _refuse_overtaken(self, row: Row[Any]) -> None:
        """Never overwrite what a newer decision about the same subject has set already."""
        mine = decisions.alias("mine")
        newer = (
            select(decisions.c.decision_id)
            .select_from(
                mine.join(
                    decisions,
                    (decisions.c.rule_id == mine.c.rule_id)
                    & (decisions.c.subject == mine.c.subject)
                    & (decisions.c.created_at > mine.c.created_at),
                ).join(outbox, outbox.c.decision_id == decisions.c.decision_id)
            )
            .where(
                mine.c.decision_id == row.decision_id,
                outbox.c.sink == row.sink,
                outbox.c.state.in_(("claimed", "delivered")),
            )
            .limit(1)
        )
        with self._engine.connect() as connection:
            found = connection.execute(newer).scalar()
        if found is not None:
            raise PermanentError(
                f"Decision {found[:12]} has set the same stock since, so this one is out of date; "
                "leave it."
            )

    def _is_final(self, row: Row[Any], error: Exception) -> bool:
        """Whether to give up: too often, or the effect is unknown and must not come twice."""
        is_clean = isinstance(error, TransientError) and not isinstance(error, UnknownOutcomeError)
        if isinstance(self._sinks[row.sink], UnrepeatableSink) and not is_clean:
            return True
        return bool(row.attempts + 1 >= self._policy.max_attempts)

    def _now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._started)

    def _claim(self) -> _Claimed | None:
        with write_transaction(self._engine) as connection:
            now = self._now()
            sinks = self._sinks_below_limit(connection, now)
            row = connection.execute(_due(now, sinks)).one_or_none()
            if row is None:
                return None
            begun = connection.execute(
                select(func.count()).where(delivery_attempts.c.outbox_id == row.outbox_id)
            ).scalar_one()
            lease = {"lease_owner": self._owner, "lease_until": now + self._policy.lease}
            change(connection, [row], {"state": "claimed", "updated_at": now, **lease})
            attempt = {"outbox_id": row.outbox_id, "sink": row.sink, "worker": self._actor}
            connection.execute(insert(delivery_attempts).values(**attempt, started_at=now))
            detail = {"sink": row.sink, "attempt": row.attempts + 1}
            note(connection, [row], Happening("sending", now, self._actor, detail))
            self._on_step("claiming")
        self._on_step("claimed")
        return _Claimed(row, begun_before=begun > 0, is_left_behind=row.state == "claimed")

    def _sinks_below_limit(self, connection: Connection, now: datetime) -> list[str]:
        allowed = []
        for sink in self._sinks:
            limit = self._policy.rate_limits.get(sink)
            if limit is not None:
                recent = select(func.count()).where(
                    delivery_attempts.c.sink == sink,
                    delivery_attempts.c.started_at > now - limit.span,
                )
                if connection.execute(recent).scalar_one() >= limit.most:
                    continue
            allowed.append(sink)
        return allowed

    def _confirm(self, claimed: Row[Any], receipt: Receipt) -> None:
        """A receipt is a fact, whoever holds the lease by now."""
        now = self._now()
        attempt = claimed.attempts + 1
        with write_transaction(self._engine) as connection:
            values = {"state": "delivered", "attempts": attempt, "last_error": None}
            values |= {"hold_cause": None, "hold_reason": None}
            change(connection, [claimed], {**values, **no_lease(now)})
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
            note(connection, [claimed], Happening("receipted", now, self._actor, detail))
            self._on_step("marking")
        self._on_step("marked")
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
            change(
                connection, [claimed], {**values, "next_attempt_at": now + pause, **no_lease(now)}
            )
            detail = {"sink": claimed.sink, "attempt": attempts, "error": reason}
            event = "given_up" if is_final else "attempt_failed"
            note(connection, [claimed], Happening(event, now, self._actor, detail))
        self._count("dead" if is_final else "retrying")

    def _count(self, what: str) -> None:
        self.report = replace(self.report, **{what: getattr(self.report, what) + 1})


def _due(now: datetime, sinks: Sequence[str]) -> Select[Any]:
    """The delivery that is due longest; an action waits for the earlier ones of its decision."""
    earlier = outbox.alias("earlier")
    must_wait = exists().where(
        earlier.c.decision_id == outbox.c.decision_id,
        earlier.c.action_no < outbox.c.action_no,
        earlier.c.state.not_in(("delivered", "cancelled")),
    )
    is_due = and_(outbox.c.state == "pending", outbox.c.next_attempt_at <= now)
    left_behind = and_(outbox.c.state == "claimed", outbox.c.lease_until <= now)
    return (
        select(outbox)
        .where(or_(is_due, left_behind), outbox.c.sink.in_(list(sinks)), ~must_wait)
        .order_by(outbox.c.next_attempt_at, outbox.c.outbox_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def change(connection: Connection, rows: Collection[Row[Any]], values: Mapping[str, Any]) -> None:
    """Set values of outbox rows."""
    ids = [row.outbox_id for row in rows]
    for chunk in chunks(ids):
        connection.execute(update(outbox).where(outbox.c.outbox_id.in_(chunk)).values(**values))


def note(connection: Connection, rows: Collection[Row[Any]], happening: Happening) -> None:
    """Derive the states of these rows' decisions anew and append to their history."""
    decision_ids = list(dict.fromkeys(row.decision_id for row in rows))
    refresh_states(connection, decision_ids, happening)


def no_lease(now: datetime) -> dict[str, Any]:
    """Values of a row that nobody works on."""
    return {"lease_owner": None, "lease_until": None, "updated_at": now}
