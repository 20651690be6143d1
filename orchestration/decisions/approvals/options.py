"""Executes the option that a person chose: its actions join the decision's deliveries, once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import approvals, decision_events, decisions, outbox
from connectors.errors import InputError
from orchestration.decisions.budgets import BUDGET_LOCK, refuse_over_budget
from orchestration.decisions.conditions import closest
from orchestration.decisions.proposals import ProposedAction
from orchestration.decisions.recording import delivery_row
from orchestration.decisions.states import Happening, refresh_states

CHOSEN = "option_chosen"


class OvertakenError(InputError):
    """Somebody was faster: what a person answers is not as they saw it any more."""


class ApproverChoosesError(InputError):
    """The option of a decision that asks for approval is chosen by who approves."""


_REFUSED = ("rejected", "expired", "shadow", "held_out")


def choose_option(
    engine: Engine,
    decision_id: str,
    option: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    zone: ZoneInfo,
    seen_at: datetime | None = None,
    is_rehearsal: bool = False,
) -> int:
    """Choose for a decision about which nobody is asked for approval; how many deliveries follow.

    Args:
        engine: the operational database.
        decision_id: which decision.
        option: name of the option.
        actor: who chooses.
        reason: why.
        now: the time of it.
        zone: business zone, in which periods of budgets begin.
        seen_at: `updated_at` of the decision as they saw it; None: it is not compared.
        is_rehearsal: check and tell everything, keep nothing.

    Raises:
        OvertakenError: it has changed since, or somebody has chosen already.
        OverBudgetError: it costs more than the rule has left.
        InputError: there is no such option, one was chosen already, the decision is closed, or
            approval is asked for: then whoever approves chooses.
    """
    if not actor.strip():
        raise InputError("Choosing an option needs the name of who does; give --approver NAME.")
    with write_transaction(engine, lock=BUDGET_LOCK) as connection:
        asked = connection.execute(
            select(approvals.c.state).where(approvals.c.decision_id == decision_id)
        ).scalar()
        if asked is not None:
            raise ApproverChoosesError(
                f"Decision {decision_id[:12]} is {asked.replace('_', ' ')} by approval; whoever "
                "approves chooses, with `fourflow decisions approve --option NAME`."
            )
        refuse_changed(connection, decision_id, seen_at)
        deliveries = execute_option(
            connection,
            decision_id,
            option,
            actor=actor.strip(),
            reason=reason.strip(),
            now=now,
            zone=zone,
        )
        if is_rehearsal:
            connection.rollback()
        return deliveries


def execute_option(
    connection: Connection,
    decision_id: str,
    option: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    zone: ZoneInfo,
) -> int:
    """Put the option's actions behind those of the decision; how many deliveries.

    Raises:
        OverBudgetError: it costs more than the rule has left.
        InputError: there is no such option, one was chosen already, or the decision is closed.
    """
    locked = select(decisions).where(decisions.c.decision_id == decision_id).with_for_update()
    row = connection.execute(locked).one()
    chosen = check_option(connection, row, option, zone)
    _refuse_second(connection, row, now)
    last = select(func.max(outbox.c.action_no)).where(outbox.c.decision_id == decision_id)
    first = (connection.execute(last).scalar() or 0) + 1
    deliveries = [
        delivery_row(dict(row._mapping), action, number, sink, now)
        for number, action in enumerate(_actions(chosen), start=first)
        for sink in action.sinks
    ]
    connection.execute(insert(outbox), deliveries)
    if _is_counted(row, chosen):
        mine = decisions.c.decision_id == decision_id
        cost = Decimal(row.cost) + Decimal(str(chosen["cost"]))
        connection.execute(update(decisions).where(mine).values(cost=cost))
    detail = {"option": option, "cost": chosen.get("cost"), "reason": reason or None}
    refresh_states(connection, [decision_id], Happening(CHOSEN, now, actor, detail))
    return len(deliveries)


def refuse_changed(connection: Connection, decision_id: str, seen_at: datetime | None) -> None:
    """Refuse an answer to what has changed since it was seen.

    Raises:
        OvertakenError: it has; says what happened last, and whose doing it is.
    """
    updated_at = connection.execute(
        select(decisions.c.updated_at).where(decisions.c.decision_id == decision_id)
    ).scalar()
    if seen_at is None or updated_at is None or updated_at == seen_at:
        return
    last = connection.execute(
        select(decision_events)
        .where(decision_events.c.decision_id == decision_id)
        .order_by(decision_events.c.event_id.desc())
        .limit(1)
    ).one_or_none()
    what = "" if last is None else f" ({last.event.replace('_', ' ')}, by {last.actor})"
    raise OvertakenError(
        f"Decision {decision_id[:12]} was changed at {updated_at:%Y-%m-%d %H:%M} UTC{what}, after "
        "you saw it; look at it again."
    )


def check_option(
    connection: Connection, decision: Row[Any], option: str, zone: ZoneInfo
) -> Mapping[str, Any]:
    """The option of that name, if the rule's budget still has its cost.

    Raises:
        OverBudgetError: it costs more than the rule has left.
        InputError: the decision has none of that name.
    """
    known = {str(one["name"]): one for one in decision.options}
    if option not in known:
        hint = closest(option, known) or f"; it has {', '.join(known) or 'none'}."
        raise InputError(f"Decision {decision.decision_id[:12]} has no option {option}{hint}")
    found: Mapping[str, Any] = known[option]
    if _is_counted(decision, found):
        refuse_over_budget(connection, decision, found, zone)
    return found


def _is_counted(decision: Row[Any], option: Mapping[str, Any]) -> bool:
    """Whether the decision's rule has a budget, in which the option's cost counts, too."""
    return decision.cost is not None and bool(option.get("cost"))


def _refuse_second(connection: Connection, decision: Row[Any], now: datetime) -> None:
    short = decision.decision_id[:12]
    earlier = select(decision_events).where(
        decision_events.c.decision_id == decision.decision_id, decision_events.c.event == CHOSEN
    )
    before = connection.execute(earlier).one_or_none()
    if before is not None:
        raise OvertakenError(
            f"{before.actor} chose {before.detail['option']} for decision {short} already; a "
            "choice is final."
        )
    if decision.state in _REFUSED or (decision.expires_at and decision.expires_at <= now):
        raise InputError(
            f"Decision {short} is {decision.state} or stale, so nothing more of it is sent; wait "
            "for the rule to decide anew."
        )


def _actions(option: Mapping[str, Any]) -> Sequence[ProposedAction]:
    return [
        ProposedAction(
            type=action["type"],
            to=action["to"],
            sinks=tuple(action["sinks"]),
            message=action["message"],
            fields=action["fields"],
        )
        for action in option["actions"]
    ]
