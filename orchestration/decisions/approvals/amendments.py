"""Changes the quantity of a decision that nobody has been told of yet, with a reason, once seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import approval_verdicts, approvals, decisions, outbox
from connectors.errors import InputError
from orchestration.decisions.approvals.policy import ApprovalPolicy
from orchestration.decisions.courier import change
from orchestration.decisions.evaluation import TrackingLink, fill_texts
from orchestration.decisions.proposals import ProposedAction
from orchestration.decisions.recording import delivery_row
from orchestration.decisions.rulebook import find_rule
from orchestration.decisions.states import Happening, refresh_states

AMENDED = "amended"
QUANTITY = "suggested_quantity"
PROPOSED = "proposed_quantity"
_OPEN = ("proposed", "awaiting_approval", "held")
_CENT = Decimal("0.01")
# Sentences of a plan that name its quantity: the mark that finds a change again, and its end.
_CHANGED = {
    "explanation_en": ("; changed to ", "{quantity} by {actor}"),
    "explanation_zh": ("；改为 ", "{quantity}（{actor}）"),
}


@dataclass(frozen=True)
class Amendment:
    """Another quantity for a decision.

    Attributes:
        quantity: units instead of the suggested ones.
        actor: who says so.
        reason: why.
        seen_at: when the decision last changed, as the person saw it; None: not compared.
    """

    quantity: int
    actor: str
    reason: str
    seen_at: datetime | None = None


def amend_quantity(
    engine: Engine,
    policy: ApprovalPolicy,
    decision_id: str,
    amendment: Amendment,
    *,
    now: datetime,
    zone: ZoneInfo,
    tracking_link: TrackingLink | None = None,
) -> None:
    """Give an undelivered decision another quantity: its amount, texts and payloads follow.

    What was proposed stays in the explanation as `proposed_quantity`, and the change in the
    history. An amount that another tier must approve is put before that tier. `tracking_link` makes
    the address behind the variable of that name, where the rule's texts have it.

    Raises:
        InputError: the decision has no quantity, is closed, sent or half approved; somebody else
            changed it; the quantity breaks packs or the minimum order; a name or reason is missing.
    """
    if not amendment.actor.strip() or not amendment.reason.strip():
        raise InputError("Changing a quantity needs a name and a reason.")
    with engine.connect() as connection:
        first = _decision(connection, decision_id)
    rule = find_rule(engine, first.rule_id, version=first.rule_version).definition
    with write_transaction(engine) as connection:
        locked = select(decisions).where(decisions.c.decision_id == decision_id).with_for_update()
        row = connection.execute(locked).one()
        deliveries = _unsent(connection, row, amendment)
        before = _check_quantity(row, amendment.quantity)
        explanation = {
            **row.explanation,
            PROPOSED: row.explanation.get(PROPOSED, before),
            QUANTITY: amendment.quantity,
            **_reworded(row.explanation, amendment),
        }
        message, actions = fill_texts(
            rule, row.branch, explanation, zone=zone, tracking_link=tracking_link
        )
        amount = _amount(row, before, amendment.quantity)
        changed = {"explanation": explanation, "message": dict(message), "amount": amount}
        connection.execute(
            update(decisions).where(decisions.c.decision_id == decision_id).values(**changed)
        )
        _tell_deliveries(connection, {**row._mapping, **changed}, deliveries, actions, now)
        _ask_whom_it_takes(connection, policy, row, amount, now)
        detail = {"from": before, "to": amendment.quantity, "reason": amendment.reason.strip()}
        happening = Happening(AMENDED, now, amendment.actor.strip(), detail)
        refresh_states(connection, [decision_id], happening)


def _reworded(explanation: Mapping[str, Any], amendment: Amendment) -> dict[str, str]:
    """The plan's own sentences, with what somebody made of their quantity behind them."""
    told = {}
    for name, (mark, tail) in _CHANGED.items():
        plan = explanation.get(name)
        if isinstance(plan, str):
            said = mark + tail.format(quantity=amendment.quantity, actor=amendment.actor.strip())
            told[name] = plan.partition(mark)[0] + said
    return told


def _decision(connection: Connection, decision_id: str) -> Row[Any]:
    row = connection.execute(
        select(decisions).where(decisions.c.decision_id == decision_id)
    ).one_or_none()
    if row is None:
        raise InputError(f"There is no decision {decision_id[:12]}.")
    return row


def _unsent(connection: Connection, row: Row[Any], amendment: Amendment) -> Sequence[Row[Any]]:
    """The deliveries of an open decision of which only the request for approval may have gone."""
    short = row.decision_id[:12]
    if amendment.seen_at is not None and row.updated_at != amendment.seen_at:
        raise InputError(
            f"Decision {short} was changed at {row.updated_at:%Y-%m-%d %H:%M} UTC, after you "
            "opened it; look at it again."
        )
    if row.mode != "act" or row.state not in _OPEN:
        raise InputError(
            f"Decision {short} is {row.state.replace('_', ' ')}, so its quantity stands."
        )
    given = select(approval_verdicts.c.approver).where(
        approval_verdicts.c.decision_id == row.decision_id
    )
    approver = connection.execute(given).scalar()
    if approver is not None:
        raise InputError(f"{approver} has answered about decision {short}; its quantity stands.")
    query = select(outbox).where(outbox.c.decision_id == row.decision_id).with_for_update()
    found: Sequence[Row[Any]] = connection.execute(query.order_by(outbox.c.outbox_id)).all()
    acting = [one for one in found if not _is_request(one)]
    if any(one.state not in ("pending", "held") or one.attempts for one in acting):
        raise InputError(f"Decision {short} has been sent, so its quantity stands.")
    return [one for one in found if one.state in ("pending", "held")]


def _is_request(delivery: Row[Any]) -> bool:
    action = delivery.payload.get("data", {}).get("action") or {}
    return bool(action.get("type") == "request_approval")


def _check_quantity(row: Row[Any], quantity: int) -> int:
    short = row.decision_id[:12]
    before = row.explanation.get(QUANTITY)
    if not isinstance(before, int) or before < 1:
        raise InputError(f"Decision {short} orders no quantity that could be changed.")
    pack = _whole(row.explanation.get("pack_size"))
    least = max(_whole(row.explanation.get("minimum_order_quantity")), 1)
    if quantity < least or quantity % pack:
        raise InputError(
            f"{quantity} can't be ordered: it takes whole packs of {pack} and at least {least}; "
            "to order nothing, reject the suggestion."
        )
    return before


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value >= 1 else 1


def _amount(row: Row[Any], before: int, quantity: int) -> Decimal | None:
    if row.amount is None:
        return None
    cost = row.explanation.get("unit_cost")
    unit = Decimal(str(cost)) if cost is not None else Decimal(row.amount) / before
    return (unit * quantity).quantize(_CENT, rounding=ROUND_HALF_UP)


def _tell_deliveries(
    connection: Connection,
    decision: Mapping[str, Any],
    deliveries: Sequence[Row[Any]],
    actions: Sequence[ProposedAction],
    now: datetime,
) -> None:
    """Put the new values into what will be sent; nothing of it has been tried."""
    by_number = dict(enumerate(actions, start=1))
    for delivery in deliveries:
        whole = ProposedAction("notify", None, (delivery.sink,), decision["message"], {})
        action = by_number.get(delivery.action_no, whole)
        made_at = decision["created_at"]
        row = delivery_row(decision, action, delivery.action_no, delivery.sink, made_at)
        change(connection, [delivery], {"payload": row["payload"], "updated_at": now})


def _ask_whom_it_takes(
    connection: Connection,
    policy: ApprovalPolicy,
    row: Row[Any],
    amount: Decimal | None,
    now: datetime,
) -> None:
    """A higher amount goes before those who may approve it; a lower one stays where it is."""
    if amount is None or row.amount is None or amount <= row.amount:
        return
    asked = connection.execute(
        select(approvals).where(approvals.c.decision_id == row.decision_id)
    ).one_or_none()
    if asked is None:
        return
    tiers = {tier.role for tier in policy.tiers}
    role = None if row.kind in policy.kinds and asked.role in tiers else asked.role
    need = policy.requirement(row.kind, amount, row.currency_code, role)
    if need is None or (need.tier == asked.tier and need.needed <= asked.needed):
        return
    connection.execute(
        update(approvals)
        .where(approvals.c.decision_id == row.decision_id)
        .values(tier=need.tier, role=need.role, needed=need.needed, due_at=now + need.time_limit)
    )
