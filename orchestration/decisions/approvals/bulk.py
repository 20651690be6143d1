"""One answer to many decisions: rehearsed first, then given to each by itself.

A decision that is refused does not stop the others: each has a transaction of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from connectors.database.schema import approvals
from connectors.errors import InputError
from orchestration.decisions.approvals.options import choose_option
from orchestration.decisions.approvals.policy import ApprovalPolicy
from orchestration.decisions.approvals.verdicts import Channel, Verdict, give_verdict

Outcome = Literal["goes", "more_needed", "refused"]


@dataclass(frozen=True)
class BulkItem:
    """One of the decisions.

    Attributes:
        decision_id: which.
        seen_at: its `updated_at` as the person saw it; None: not compared.
    """

    decision_id: str
    seen_at: datetime | None = None


@dataclass(frozen=True)
class BulkOutcome:
    """What the answer did, or in a rehearsal would do, to one decision.

    Attributes:
        outcome: it goes, other people must approve too, or it was refused.
        why: the sentence of the refusal.
    """

    decision_id: str
    outcome: Outcome
    why: str | None = None


@dataclass(frozen=True)
class BulkAnswer:
    """What a person says about all of them.

    Attributes:
        person: who says so.
        reason: why; needed where the recommendation is another.
        option: the option to execute with each; None: only what the rule says.
        channel: by which way.
    """

    person: str
    reason: str = ""
    option: str | None = None
    channel: Channel = "page"


def approve_all(
    engine: Engine,
    policy: ApprovalPolicy,
    items: Sequence[BulkItem],
    answer: BulkAnswer,
    *,
    now: datetime,
    zone: ZoneInfo,
    is_rehearsal: bool = False,
) -> list[BulkOutcome]:
    """Approve what asks for approval; execute the option where nobody is asked.

    Args:
        engine: the operational database.
        policy: who may approve what.
        items: the decisions, as the person saw them.
        answer: what is said.
        now: the time of it.
        zone: business zone, in which periods of budgets begin.
        is_rehearsal: tell what would come of it, and keep nothing.
    """
    ids = [item.decision_id for item in items]
    query = select(approvals.c.decision_id).where(approvals.c.decision_id.in_(ids))
    with engine.connect() as connection:
        asked: set[str] = set(connection.execute(query).scalars())
    outcomes = []
    for item in items:
        try:
            if item.decision_id in asked:
                said = Verdict(
                    "approve",
                    answer.person,
                    answer.reason,
                    answer.channel,
                    answer.option,
                    item.seen_at,
                )
                state = give_verdict(
                    engine,
                    policy,
                    item.decision_id,
                    said,
                    now=now,
                    zone=zone,
                    is_rehearsal=is_rehearsal,
                )
                outcome: Outcome = "more_needed" if state.state == "awaiting" else "goes"
            elif answer.option is None:
                raise InputError(  # noqa: TRY301 - the same way as every other refusal
                    f"Nobody is asked about decision {item.decision_id[:12]}; it goes by itself."
                )
            else:
                choose_option(
                    engine,
                    item.decision_id,
                    answer.option,
                    actor=answer.person,
                    reason=answer.reason,
                    now=now,
                    zone=zone,
                    seen_at=item.seen_at,
                    is_rehearsal=is_rehearsal,
                )
                outcome = "goes"
        except InputError as error:
            outcomes.append(BulkOutcome(item.decision_id, "refused", str(error)))
        else:
            outcomes.append(BulkOutcome(item.decision_id, outcome))
    return outcomes
