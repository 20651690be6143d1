"""Verdicts of people: approve or reject, four eyes, delegation, time limits and escalation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import (
    approval_delegations,
    approval_verdicts,
    approvals,
    decision_events,
    decisions,
    outbox,
)
from connectors.errors import InputError
from orchestration.decisions.approvals.options import (
    OvertakenError,
    check_option,
    execute_option,
    refuse_changed,
)
from orchestration.decisions.approvals.policy import ApprovalPolicy
from orchestration.decisions.budgets import BUDGET_LOCK
from orchestration.decisions.courier import change, note
from orchestration.decisions.outbox import close
from orchestration.decisions.states import UNSENT, Happening, refresh_states

Answer = Literal["approve", "reject"]
Channel = Literal["command", "page", "link", "api"]
_PAST = {"approve": "approved", "reject": "rejected"}


class NothingAskedError(InputError):
    """Nobody is asked about the decision, or not any more."""


class AnsweredError(NothingAskedError, OvertakenError):
    """Somebody was faster: the decision is approved, rejected or expired."""


class NotEntitledError(InputError):
    """The person may not answer about the decision."""


@dataclass(frozen=True)
class Verdict:
    """What a person says about a decision.

    Attributes:
        answer: approve or reject.
        approver: who says so.
        reason: why; needed when the answer is not the recommended one.
        channel: by which way.
        option: which of the decision's options to execute with it, by name.
        seen_at: `updated_at` of the decision as they saw it; None: it is not compared.
        clause: of the contract, which the answer is about.
    """

    answer: Answer
    approver: str
    reason: str = ""
    channel: Channel = "command"
    option: str | None = None
    seen_at: datetime | None = None
    clause: str = ""


@dataclass(frozen=True)
class ApprovalState:
    """One approval as it stands now."""

    decision_id: str
    tier: str
    role: str
    needed: int
    recommended: str | None
    state: str
    requested_at: datetime
    due_at: datetime
    escalations: int
    closed_at: datetime | None
    verdicts: tuple[Mapping[str, Any], ...] = ()

    @property
    def given(self) -> int:
        """How many different people have approved."""
        return sum(verdict["verdict"] == "approve" for verdict in self.verdicts)


def give_verdict(
    engine: Engine,
    policy: ApprovalPolicy,
    decision_id: str,
    verdict: Verdict,
    *,
    now: datetime,
    zone: ZoneInfo,
    is_rehearsal: bool = False,
) -> ApprovalState:
    """Record a verdict; what waited for it goes, or is cancelled.

    The verdict is kept for good, with what was recommended: it is a label for models.

    Args:
        engine: the operational database.
        policy: who may approve what.
        decision_id: about which decision.
        verdict: what is said, by whom.
        now: the time of it.
        zone: business zone, in which periods of budgets begin.
        is_rehearsal: check and tell everything, keep nothing.

    Raises:
        OvertakenError: somebody was faster: it is answered, or was changed since it was seen.
        OverBudgetError: the option costs more than the rule has left.
        InputError: nobody is asked about this decision, the person may not answer or has answered
            already, or the reason for an override is missing.
    """
    approver = verdict.approver.strip()
    if not approver:
        raise InputError("A verdict needs the name of who gives it; give --approver NAME.")
    escalate_due(engine, policy, now=now)
    with write_transaction(engine, lock=BUDGET_LOCK) as connection:
        asked = _asked(connection, decision_id)
        refuse_changed(connection, decision_id, verdict.seen_at)
        principal = _principal(connection, policy, asked.role, approver, now)
        is_override = verdict.answer != asked.recommended
        if is_override and not verdict.reason.strip():
            raise InputError(
                f"The recommendation is to {asked.recommended}; give a reason to "
                f"{verdict.answer} instead."
            )
        _refuse_second_verdict(connection, decision_id, approver, principal)
        _check_choice(connection, decision_id, verdict, zone)
        connection.execute(
            insert(approval_verdicts).values(
                decision_id=decision_id,
                approver=approver,
                on_behalf_of=principal,
                verdict=verdict.answer,
                recommended=asked.recommended,
                is_override=is_override,
                reason=verdict.reason.strip() or None,
                channel=verdict.channel,
                given_at=now,
            )
        )
        _apply(connection, asked, verdict, now, zone)
        state = _state(connection, decision_id)
        if is_rehearsal:
            connection.rollback()
        return state


def withdraw(engine: Engine, decision_id: str, *, now: datetime, actor: str, reason: str) -> int:
    """Cancel what a decision without an open approval still has to send; how many deliveries.

    Raises:
        InputError: nothing of it is waiting, or there is no reason.
    """
    if not reason.strip():
        raise InputError("Rejecting a decision needs a reason; give --reason TEXT.")
    with write_transaction(engine) as connection:
        rows = _deliveries(connection, decision_id, UNSENT)
        if not rows:
            raise InputError(
                f"Nothing of decision {decision_id[:12]} is waiting to be sent, so there is "
                "nothing to reject; `fourflow decisions show` tells its history."
            )
        close(connection, rows, f"rejected by {actor}: {reason.strip()}", now, cause="person")
        note(connection, rows, Happening("rejected", now, actor, {"reason": reason.strip()}))
    return len(rows)


def escalate_due(engine: Engine, policy: ApprovalPolicy, *, now: datetime) -> int:
    """Ask the next tier about everything that nobody answered in time; how many moved on.

    After the last tier the request expires, and nothing of the decision is sent.
    """
    overdue = select(approvals).where(approvals.c.state == "awaiting", approvals.c.due_at <= now)
    with engine.connect() as connection:
        if connection.execute(overdue.limit(1)).first() is None:
            return 0
    moved = 0
    with write_transaction(engine) as connection:
        for row in connection.execute(overdue.with_for_update()).all():
            _escalate(connection, policy, row, now)
            moved += 1
    return moved


def delegate(
    engine: Engine,
    delegator: str,
    delegate_to: str,
    *,
    days: int,
    author: str,
    reason: str,
    now: datetime,
) -> None:
    """Let another person answer for somebody from now on for some days.

    Raises:
        InputError: a name or the reason is missing, or both are one person.
    """
    names = (delegator.strip(), delegate_to.strip(), author.strip(), reason.strip())
    if not all(names) or names[0] == names[1] or days < 1:
        raise InputError(
            "A delegation needs two different people, at least a day, an author and a reason."
        )
    with write_transaction(engine) as connection:
        connection.execute(
            insert(approval_delegations).values(
                delegator=names[0],
                delegate=names[1],
                valid_from=now,
                valid_until=now + timedelta(days=days),
                author=names[2],
                reason=names[3],
                created_at=now,
            )
        )


def find_approval(engine: Engine, decision_id: str) -> ApprovalState | None:
    """The approval of a decision with its verdicts; None when it needs none."""
    with engine.connect() as connection:
        query = select(approvals.c.decision_id).where(approvals.c.decision_id == decision_id)
        if connection.execute(query).one_or_none() is None:
            return None
        return _state(connection, decision_id)


def _apply(
    connection: Connection, asked: Row[Any], verdict: Verdict, now: datetime, zone: ZoneInfo
) -> None:
    state = _state(connection, asked.decision_id)
    detail = {
        "reason": verdict.reason.strip() or None,
        "channel": verdict.channel,
        **({"option": verdict.option} if verdict.option else {}),
        **({"clause": verdict.clause.strip()} if verdict.clause.strip() else {}),
    }
    happening = Happening(_PAST[verdict.answer], now, verdict.approver.strip(), detail)
    if verdict.answer == "approve" and state.given < asked.needed:
        refresh_states(connection, [asked.decision_id], happening)
        return
    _close_request(connection, asked.decision_id, _PAST[verdict.answer], now)
    if verdict.answer == "approve":
        rows = _deliveries(connection, asked.decision_id, ("held",), cause="approval")
        values = {"state": "pending", "hold_cause": None, "hold_reason": None, "updated_at": now}
        change(connection, rows, values)
        refresh_states(connection, [asked.decision_id], happening)
        if verdict.option:
            execute_option(
                connection,
                asked.decision_id,
                verdict.option,
                actor=verdict.approver.strip(),
                reason=verdict.reason.strip(),
                now=now,
                zone=zone,
            )
        return
    rows = _deliveries(connection, asked.decision_id, UNSENT)
    why = verdict.reason.strip()
    close(connection, rows, f"rejected by {verdict.approver.strip()}: {why}", now)
    refresh_states(connection, [asked.decision_id], happening)


def _check_choice(
    connection: Connection, decision_id: str, verdict: Verdict, zone: ZoneInfo
) -> None:
    """Whoever approves may choose; several who must approve choose the same.

    Raises:
        OverBudgetError: the option costs more than the rule has left.
        InputError: there is no such option, or somebody before chose otherwise.
    """
    if verdict.option and verdict.answer == "reject":
        raise InputError("A rejected decision executes no option; leave the option out.")
    decision = select(decisions).where(decisions.c.decision_id == decision_id)
    if verdict.option:
        check_option(connection, connection.execute(decision).one(), verdict.option, zone)
    before = select(decision_events.c.actor, decision_events.c.detail).where(
        decision_events.c.decision_id == decision_id, decision_events.c.event == "approved"
    )
    for row in connection.execute(before):
        chosen = row.detail.get("option")
        if verdict.answer == "approve" and chosen != verdict.option:
            raise OvertakenError(
                f"{row.actor} approved {chosen or 'without an option'}; everybody who must approve "
                "chooses the same, or rejects."
            )


def _escalate(connection: Connection, policy: ApprovalPolicy, row: Row[Any], now: datetime) -> None:
    following = policy.next_after(row.tier, row.needed)
    detail = {"was_asked": row.role, "due_at": row.due_at.isoformat()}
    if following is None or following.role == row.role:
        _close_request(connection, row.decision_id, "expired", now)
        waiting = _deliveries(connection, row.decision_id, ("pending", "held"))
        close(connection, waiting, f"{row.role} did not answer in time", now)
        happening = Happening("approval_expired", now, "approvals", detail)
    else:
        connection.execute(
            update(approvals)
            .where(approvals.c.decision_id == row.decision_id)
            .values(
                tier=following.tier,
                role=following.role,
                due_at=now + following.time_limit,
                escalations=row.escalations + 1,
            )
        )
        held = _deliveries(connection, row.decision_id, ("held",), cause="approval")
        reason = f"held until {following.role} has approved it ({row.role} did not answer in time)"
        change(connection, held, {"hold_reason": reason, "updated_at": now})
        detail["asked"] = following.role
        happening = Happening("escalated", now, "approvals", detail)
    refresh_states(connection, [row.decision_id], happening)


def _asked(connection: Connection, decision_id: str) -> Row[Any]:
    query = select(approvals).where(approvals.c.decision_id == decision_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NothingAskedError(f"Decision {decision_id[:12]} needs no approval.")
    if row.state != "awaiting":
        when = row.closed_at or row.due_at
        said = (
            select(approval_verdicts.c.approver)
            .where(
                approval_verdicts.c.decision_id == decision_id,
                approval_verdicts.c.given_at == row.closed_at,
            )
            .order_by(approval_verdicts.c.verdict_id.desc())
        )
        who = connection.execute(said.limit(1)).scalar()
        by = f" by {who}" if who else ""
        raise AnsweredError(
            f"Decision {decision_id[:12]} was {row.state}{by} at {when:%Y-%m-%d %H:%M} UTC; "
            "a verdict is final."
        )
    return row


def _principal(
    connection: Connection, policy: ApprovalPolicy, role: str, approver: str, now: datetime
) -> str | None:
    """For whom the person answers: nobody else, or the one who delegated it.

    Raises:
        InputError: the person has neither the role nor a delegation.
    """
    if policy.may_approve(approver, role):
        return None
    query = select(approval_delegations.c.delegator).where(
        approval_delegations.c.delegate == approver,
        approval_delegations.c.valid_from <= now,
        approval_delegations.c.valid_until > now,
    )
    delegators: Sequence[str] = connection.execute(query).scalars().all()
    for delegator in delegators:
        if policy.may_approve(delegator, role):
            return delegator
    raise NotEntitledError(
        f"{approver} may not answer: {role} is asked; let one of "
        f"{', '.join(policy.people.get(role, ())) or 'them'} answer or delegate."
    )


def _refuse_second_verdict(
    connection: Connection, decision_id: str, approver: str, principal: str | None
) -> None:
    """Four eyes are two people: neither the same one again nor for the same one again."""
    query = select(approval_verdicts).where(approval_verdicts.c.decision_id == decision_id)
    for row in connection.execute(query):
        if {approver, principal or approver} & {row.approver, row.on_behalf_of or row.approver}:
            raise InputError(
                f"{row.approver} has answered about decision {decision_id[:12]} already; "
                "another person must."
            )


def _close_request(connection: Connection, decision_id: str, state: str, now: datetime) -> None:
    connection.execute(
        update(approvals)
        .where(approvals.c.decision_id == decision_id)
        .values(state=state, closed_at=now)
    )


def _deliveries(
    connection: Connection, decision_id: str, states: Collection[str], cause: str | None = None
) -> Sequence[Row[Any]]:
    query = select(outbox.c.outbox_id, outbox.c.decision_id).where(
        outbox.c.decision_id == decision_id, outbox.c.state.in_(tuple(states))
    )
    if cause is not None:
        query = query.where(outbox.c.hold_cause == cause)
    return connection.execute(query.order_by(outbox.c.outbox_id).with_for_update()).all()


def _state(connection: Connection, decision_id: str) -> ApprovalState:
    row = connection.execute(select(approvals).where(approvals.c.decision_id == decision_id)).one()
    given = connection.execute(
        select(approval_verdicts)
        .where(approval_verdicts.c.decision_id == decision_id)
        .order_by(approval_verdicts.c.verdict_id)
    )
    return ApprovalState(**row._mapping, verdicts=tuple(dict(one._mapping) for one in given))


def full_id(engine: Engine, given: str) -> str:
    """The id of the one decision that begins so.

    Raises:
        InputError: there is none, or more than one.
    """
    prefix = given.strip().lower()
    begins_so = decisions.c.decision_id.startswith(prefix, autoescape=True)
    with engine.connect() as connection:
        query = select(decisions.c.decision_id).where(begins_so).limit(2)
        found: Sequence[str] = connection.execute(query).scalars().all()
    if len(found) != 1 or not prefix:
        how_many = "More than one decision begins" if found else "No decision begins"
        raise InputError(
            f"{how_many} with {given!r}; `fourflow decisions list --json` tells whole ids."
        )
    return found[0]
