"""The decision ledger: rules propose, the ledger records each decision once, with its history."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, and_, func, or_, select, update

from connectors.database.engine import write_transaction
from connectors.database.runs import RedState
from connectors.database.schema import decision_events, decisions
from connectors.errors import InputError
from orchestration.decisions.approvals.policy import (
    SHIPPED_POLICY,
    ApprovalPolicy,
    read_approval_policy,
)
from orchestration.decisions.conflicts import resolve_conflicts
from orchestration.decisions.evaluation import TrackingLink, evaluate_rule
from orchestration.decisions.policy import LedgerPolicy
from orchestration.decisions.recording import Limits, Recorder, RuleReport
from orchestration.decisions.rulebook import list_rules
from orchestration.decisions.states import (
    DECISION_STATES,
    DecisionMode,
    DecisionState,
    Happening,
    refresh_states,
)
from orchestration.snapshot import Snapshot


@dataclass(frozen=True)
class DecideReport:
    """What one pass over all enabled rules did."""

    publication_id: str
    rules: tuple[RuleReport, ...]
    held_because: str | None

    @property
    def created(self) -> int:
        """Decisions made by all rules together."""
        return sum(rule.created for rule in self.rules)

    @property
    def errors(self) -> tuple[str, ...]:
        """All errors of all rules."""
        return tuple(error for rule in self.rules for error in rule.errors)


@dataclass(frozen=True)
class Decision:
    """One row of the ledger."""

    decision_id: str
    rule_id: str
    rule_version: int
    kind: str
    subject: str
    occurrence: str
    occurred_at: datetime
    publication_id: str
    snapshot_id: int
    explanation: Mapping[str, Any]
    message: Mapping[str, str]
    amount: Decimal | None
    currency_code: str | None
    state: DecisionState
    state_reason: str | None
    created_at: datetime
    updated_at: datetime
    mode: DecisionMode
    branch: str | None
    owner: str | None
    priority: int
    trace_id: str | None
    model_versions: Mapping[str, str]
    options: Sequence[Mapping[str, Any]]
    cost: Decimal | None
    expires_at: datetime | None
    effect: Mapping[str, Any] | None
    measured_at: datetime | None


@dataclass(frozen=True)
class DecisionEvent:
    """One line of a decision's history."""

    happened_at: datetime
    event: str
    from_state: str | None
    to_state: str
    actor: str
    detail: Mapping[str, Any]


def decide(
    engine: Engine,
    lake: Snapshot,
    *,
    now: datetime,
    on_red: RedState | None = None,
    sinks: Collection[str] | None = None,
    time_zone: str = "Asia/Shanghai",
    policy: LedgerPolicy | None = None,
    approvals: ApprovalPolicy | None = None,
    tracking_link: TrackingLink | None = None,
) -> DecideReport:
    """Evaluate every enabled rule on a published snapshot and record what it asks for.

    Running it again, or twice at once, records nothing twice: a decision's key is the hash of
    rule, subject and occurrence.

    Args:
        engine: the operational database, with rules seeded.
        lake: the published snapshot.
        now: the time to record.
        on_red: the red state; new decisions are then held with its reason.
        sinks: names of the sinks that are switched on; a decision goes to those of its rule. When
            none of them is on, all are recorded and wait. None means all.
        time_zone: business zone, for times in messages and for dates.
        policy: when decisions go stale and how many are too many; default LedgerPolicy().
        approvals: who must approve what; default is the shipped policy.
        tracking_link: makes the address on which an order's parcels can be followed.
    """
    zone = ZoneInfo(time_zone)
    approvals = approvals or read_approval_policy(SHIPPED_POLICY)
    limits = Limits(policy or LedgerPolicy(), approvals, zone, _model_versions(lake))
    recorder = Recorder(
        engine, lake.publication, now=now, on_red=on_red, sinks=sinks, limits=limits
    )
    active = [rule for rule in list_rules(engine) if rule.definition.is_active]
    evaluate = partial(evaluate_rule, lake=lake, zone=zone, tracking_link=tracking_link)
    found = [(rule.definition, evaluate(rule.definition)) for rule in active]
    reports = [
        recorder.record(rule, evaluation)
        for rule, (_, evaluation) in zip(active, resolve_conflicts(found), strict=True)
    ]
    return DecideReport(
        lake.publication.publication_id, tuple(reports), on_red.reason() if on_red else None
    )


def list_decisions(
    engine: Engine,
    *,
    state: DecisionState | None = None,
    rule_id: str | None = None,
    kind: str | None = None,
    owner: str | None = None,
    mode: DecisionMode | None = None,
    order_key: str | None = None,
    limit: int = 100,
    after: Decision | None = None,
    until: str | None = None,
) -> list[Decision]:
    """The newest decisions, newest first, optionally of one state, rule, kind, owner or order.

    Args:
        engine: the operational database.
        state: only those in this state.
        rule_id: only those of this rule.
        kind: only those of this kind.
        owner: only those that this role answers for.
        mode: only those acted on, recorded in shadow, or held out.
        order_key: only those about this order.
        limit: how many at most.
        after: only those that come after this one in the order of the list.
        until: only those made from this publication or an earlier one.
    """
    query = select(decisions).order_by(decisions.c.created_at.desc(), decisions.c.decision_id)
    if after is not None:
        same_moment = and_(
            decisions.c.created_at == after.created_at,
            decisions.c.decision_id > after.decision_id,
        )
        query = query.where(or_(decisions.c.created_at < after.created_at, same_moment))
    if until is not None:  # an id begins with its time
        query = query.where(decisions.c.publication_id <= until)
    if order_key is not None:  # the subject is JSON with its keys in order, see decision_key
        part = json.dumps({"order_key": order_key}, ensure_ascii=False, separators=(",", ":"))
        query = query.where(decisions.c.subject.contains(part[1:-1], autoescape=True))
    wanted = {
        decisions.c.state: state,
        decisions.c.rule_id: rule_id,
        decisions.c.kind: kind,
        decisions.c.owner: owner,
        decisions.c.mode: mode,
    }
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    with engine.connect() as connection:
        return [_decision(row) for row in connection.execute(query.limit(limit))]


def find_decision(engine: Engine, decision_id: str) -> Decision:
    """The decision of that id.

    Raises:
        InputError: there is none.
    """
    query = select(decisions).where(decisions.c.decision_id == decision_id)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise InputError(f"There is no decision {decision_id}; see `fourflow decisions list`.")
    return _decision(row)


def record_effect(
    engine: Engine, decision_id: str, effect: Mapping[str, Any], *, now: datetime, actor: str
) -> None:
    """Keep what a decision brought about; a confirmed one is measured from then on.

    Args:
        engine: the operational database.
        decision_id: which decision.
        effect: JSON values, such as the outcome and the window in which it was looked for.
        now: the time of the measurement.
        actor: who or what measured it.

    Raises:
        InputError: there is no such decision.
    """
    find_decision(engine, decision_id)
    with write_transaction(engine) as connection:
        connection.execute(
            update(decisions)
            .where(decisions.c.decision_id == decision_id)
            .values(effect=dict(effect), measured_at=now)
        )
        happening = Happening("measured", now, actor, {"effect": dict(effect)})
        refresh_states(connection, [decision_id], happening)


def count_by_state(engine: Engine) -> dict[DecisionState, int]:
    """How many decisions are in each state; states without any are there with 0."""
    query = select(decisions.c.state, func.count().label("number")).group_by(decisions.c.state)
    with engine.connect() as connection:
        found = {row.state: int(row.number) for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in DECISION_STATES}


def decision_history(engine: Engine, decision_id: str) -> list[DecisionEvent]:
    """Everything that happened to a decision, oldest first."""
    query = (
        select(decision_events)
        .where(decision_events.c.decision_id == decision_id)
        .order_by(decision_events.c.event_id)
    )
    with engine.connect() as connection:
        return [
            DecisionEvent(
                row.happened_at, row.event, row.from_state, row.to_state, row.actor, row.detail
            )
            for row in connection.execute(query)
        ]


def _model_versions(lake: Snapshot) -> dict[str, str]:
    """Versions of the models whose tables the snapshot has, by table."""
    tables = lake.rows(
        "select distinct table_name from duckdb_columns() where column_name = 'model_version'"
    )
    known = {str(row["table_name"]) for row in tables} & set(lake.tables())
    found = {}
    for table in sorted(known):
        row = lake.rows(f'select max(model_version) as version from "{table}"')[0]  # noqa: S608
        if row["version"] is not None:
            found[table] = str(row["version"])
    return found


def _decision(row: Row[Any]) -> Decision:
    return Decision(**row._mapping)
