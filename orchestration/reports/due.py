"""When reports are due: each becomes a decision, so it is sent once, retried, and held on red.

The key is made of subscription and business date. What a report says is not in it: that is computed
when it is sent.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, insert, select

from connectors.database.engine import write_transaction
from connectors.database.publications import Publication
from connectors.database.report_subscriptions import Subscription, list_subscriptions, unsubscribe
from connectors.database.runs import RedState
from connectors.database.schema import decisions, outbox
from orchestration.decisions.approvals.verdicts import withdraw
from orchestration.decisions.budgets import BUDGET_LOCK
from orchestration.decisions.evaluation import decision_key
from orchestration.decisions.proposals import ProposedAction
from orchestration.decisions.recording import delivery_row
from orchestration.decisions.states import Happening, refresh_states
from orchestration.reports.words import Words

RULE = "scheduled_report"
KIND = "report"
ACTION = "send_report"
SINK = "email"
# A report that could not be sent for a day is out of date; the next one is due then.
VALID_FOR = timedelta(hours=24)


def due_on(subscription: Subscription, *, now: datetime, zone: ZoneInfo) -> date | None:
    """The business date of the newest report that is due; None when none is (any more)."""
    local = now.astimezone(zone)
    day = local.date() if local.hour >= subscription.hour else local.date() - timedelta(1)
    if subscription.weekday is not None:
        day -= timedelta((day.isoweekday() - subscription.weekday) % 7)
    moment = datetime.combine(day, time(subscription.hour), zone)
    if subscription.created_at is not None and moment < subscription.created_at:
        return None
    return day if now - moment < VALID_FOR else None


def record_due(
    engine: Engine,
    publication: Publication,
    *,
    now: datetime,
    zone: ZoneInfo,
    on_red: RedState | None = None,
) -> list[str]:
    """Make a decision of every report that is due and was not decided yet; returns their ids.

    Args:
        engine: the operational database.
        publication: the newest one.
        now: the present time.
        zone: of the business.
        on_red: the red state; reports are then held with its reason.
    """
    due = {
        decision_key(RULE, one.subscription_id, day.isoformat()): (one, day)
        for one in list_subscriptions(engine)
        if (day := due_on(one, now=now, zone=zone)) is not None
    }
    if not due:
        return []
    with write_transaction(engine, lock=BUDGET_LOCK) as connection:
        query = select(decisions.c.decision_id).where(decisions.c.decision_id.in_(list(due)))
        known: set[str] = set(connection.execute(query).scalars())
        new = {key: value for key, value in due.items() if key not in known}
        for key, (one, day) in new.items():
            row = _ledger_row(key, one, day, zone)
            row |= {
                "publication_id": publication.publication_id,
                "snapshot_id": publication.snapshot_id,
                "created_at": now,
                "updated_at": now,
            }
            connection.execute(insert(decisions), [row])
            fields = {"subscription_id": one.subscription_id, "business_date": day.isoformat()}
            action = ProposedAction(ACTION, None, (SINK,), row["message"], fields)
            state = {"state": "pending", "hold_cause": None, "hold_reason": None}
            if on_red is not None:
                state = {"state": "held", "hold_cause": "red_data", "hold_reason": on_red.reason()}
            connection.execute(insert(outbox), [delivery_row(row, action, 1, SINK, now) | state])
        detail = {"publication_id": publication.publication_id, "sinks": [SINK]}
        happening = Happening("proposed", now, "reports", detail, is_first=True)
        refresh_states(connection, list(new), happening)
    return list(new)


def end_subscription(
    engine: Engine, subscription_id: str, *, by: str, now: datetime, person: str | None = None
) -> Subscription:
    """End a subscription and take back what of it still waits to be sent.

    Raises:
        InputError: there is no such subscription, or not of that person.
    """
    ended = unsubscribe(engine, subscription_id, by=by, now=now, person=person)
    query = (
        select(decisions.c.decision_id)
        .select_from(decisions.join(outbox))
        .where(
            decisions.c.rule_id == RULE,
            decisions.c.subject == ended.subscription_id,
            outbox.c.state.in_(("pending", "held")),
        )
    )
    with engine.connect() as connection:
        waiting: Sequence[str] = connection.execute(query).scalars().all()
    for decision_id in waiting:
        withdraw(engine, decision_id, now=now, actor=by, reason="the report was ended")
    return ended


def last_sent(engine: Engine, subscription_ids: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """Business date, state and reason of each subscription's newest report."""
    columns = (decisions.c.subject, decisions.c.occurrence, decisions.c.state,
               decisions.c.state_reason)  # fmt: skip
    query = (
        select(*columns)
        .where(decisions.c.rule_id == RULE, decisions.c.subject.in_(list(subscription_ids)))
        .order_by(decisions.c.occurrence)
    )
    with engine.connect() as connection:
        found = connection.execute(query).all()
    return {row.subject: (row.occurrence, row.state, row.state_reason) for row in found}


def _ledger_row(key: str, subscription: Subscription, day: date, zone: ZoneInfo) -> dict[str, Any]:
    moment = datetime.combine(day, time(subscription.hour), zone)
    title = f"titles.{'daily' if subscription.weekday is None else 'weekly'}"
    title = title if subscription.report == "today" else f"titles.{subscription.report}"
    message = {
        words.language: words("decision", report=words(title), date=day)
        for words in (Words("en"), Words("zh"))
    }
    return {
        "decision_id": key,
        "rule_id": RULE,
        "rule_version": 1,
        "kind": KIND,
        "subject": subscription.subscription_id,
        "occurrence": day.isoformat(),
        "occurred_at": moment,
        "explanation": {"report": subscription.report, "business_date": day.isoformat()},
        "message": message,
        "amount": None,
        "currency_code": None,
        "state": "proposed",
        "state_reason": None,
        "mode": "act",
        "branch": None,
        "owner": "operations",
        "priority": 100,
        "trace_id": key[:32],
        "model_versions": {},
        "options": [],
        "cost": None,
        "expires_at": moment + VALID_FOR,
    }
