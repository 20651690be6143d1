"""The decision ledger: rules propose, the ledger records each decision once, with its history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, func, insert, select

from connectors.database.engine import write_transaction
from connectors.database.publications import Publication
from connectors.database.runs import RedState
from connectors.database.schema import decision_events, decisions, outbox
from orchestration.decisions.evaluation import (
    Evaluation,
    Proposal,
    Snapshot,
    evaluate_rule,
    resolve_conflicts,
)
from orchestration.decisions.rulebook import RuleVersion, list_rules
from orchestration.decisions.states import (
    CLOSED_STATES,
    DECISION_STATES,
    DecisionState,
    Happening,
    chunks,
    refresh_states,
)

_LEDGER_LOCK = 4_044_044_048
_ACTOR = "rules"


@dataclass(frozen=True)
class RuleReport:
    """What one rule did in one pass.

    Attributes:
        rule_id: the rule.
        version: its version in force.
        matched: rows for which it fired.
        created: decisions made.
        known: matches that had been decided before.
        cooling: matches left out because an open decision for the same subject is too young.
        overruled: matches that a rule of higher priority decides.
        skipped: why the rule could not look, such as a table without rows; else None.
        errors: sentences about rows, or about the rule itself, that could not be used.
    """

    rule_id: str
    version: int
    matched: int = 0
    created: int = 0
    known: int = 0
    cooling: int = 0
    overruled: int = 0
    skipped: str | None = None
    errors: tuple[str, ...] = ()


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
    """
    zone = ZoneInfo(time_zone)
    recorder = _Recorder(engine, lake.publication, now, on_red, sinks)
    active = [rule for rule in list_rules(engine) if rule.definition.is_active]
    found = [(rule.definition, evaluate_rule(rule.definition, lake, zone=zone)) for rule in active]
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
    limit: int = 100,
) -> list[Decision]:
    """The newest decisions, newest first, optionally of one state, rule or kind."""
    query = select(decisions).order_by(decisions.c.created_at.desc(), decisions.c.decision_id)
    wanted = {decisions.c.state: state, decisions.c.rule_id: rule_id, decisions.c.kind: kind}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    with engine.connect() as connection:
        return [_decision(row) for row in connection.execute(query.limit(limit))]


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


class _Recorder:
    """Writes the proposals of one pass: ledger row, outbox rows and history in one transaction."""

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        now: datetime,
        on_red: RedState | None,
        sinks: Collection[str] | None,
    ) -> None:
        self._engine = engine
        self._publication = publication
        self._now = now
        self._red = on_red
        self._sinks = sinks

    def record(self, rule: RuleVersion, evaluation: Evaluation) -> RuleReport:
        """Record what is new; the lock lets concurrent passes see each other's decisions."""
        if not evaluation.proposals:
            return RuleReport(
                rule.rule_id,
                rule.version,
                overruled=len(evaluation.overruled),
                skipped=evaluation.skipped,
                errors=evaluation.errors,
            )
        with write_transaction(self._engine, lock=_LEDGER_LOCK) as connection:
            known = _known_ids(connection, evaluation.proposals)
            fresh = [p for p in evaluation.proposals if p.decision_id not in known]
            new = _without_cooling(connection, rule.rule_id, fresh)
            if new:
                self._insert(connection, rule, new)
        return RuleReport(
            rule.rule_id,
            rule.version,
            matched=len(evaluation.proposals),
            created=len(new),
            known=len(known),
            cooling=len(fresh) - len(new),
            overruled=len(evaluation.overruled),
            errors=evaluation.errors,
        )

    def _insert(self, connection: Connection, rule: RuleVersion, new: Sequence[Proposal]) -> None:
        connection.execute(insert(decisions), [self._ledger_row(rule, p) for p in new])
        sinks = self._sinks_of(rule)
        acted_on = [p for p in new if p.mode == "act"]
        if acted_on:
            connection.execute(
                insert(outbox), [self._outbox_row(rule, p, s) for p in acted_on for s in sinks]
            )
        detail = {"publication_id": self._publication.publication_id, "sinks": sinks}
        happening = Happening("proposed", self._now, _ACTOR, detail, is_first=True)
        refresh_states(connection, [p.decision_id for p in new], happening)

    def _sinks_of(self, rule: RuleVersion) -> list[str]:
        wanted: list[str] = [*rule.definition.sinks]
        if self._sinks is None:
            return wanted
        return [sink for sink in wanted if sink in self._sinks] or wanted

    def _ledger_row(self, rule: RuleVersion, proposal: Proposal) -> dict[str, Any]:
        return {
            "decision_id": proposal.decision_id,
            "rule_id": rule.rule_id,
            "rule_version": rule.version,
            "kind": rule.definition.kind,
            "subject": proposal.subject,
            "occurrence": proposal.occurrence,
            "occurred_at": proposal.occurred_at,
            "publication_id": self._publication.publication_id,
            "snapshot_id": self._publication.snapshot_id,
            "explanation": dict(proposal.explanation),
            "message": dict(proposal.message),
            "amount": proposal.amount,
            "currency_code": proposal.currency_code,
            "state": "proposed",
            "state_reason": None,
            "created_at": self._now,
            "updated_at": self._now,
        }

    def _outbox_row(self, rule: RuleVersion, proposal: Proposal, sink: str) -> dict[str, Any]:
        return {
            "decision_id": proposal.decision_id,
            "sink": sink,
            "idempotency_key": f"{sink}_{proposal.decision_id}",
            "payload": self._payload(rule, proposal),
            "state": "held" if self._red else "pending",
            "attempts": 0,
            "next_attempt_at": self._now,
            "hold_cause": "red_data" if self._red else None,
            "hold_reason": self._red.reason() if self._red else None,
            "created_at": self._now,
            "updated_at": self._now,
        }

    def _payload(self, rule: RuleVersion, proposal: Proposal) -> dict[str, Any]:
        """What a sink gets: fixed when decided, so that every attempt sends the same."""
        return {
            "type": f"decision.{rule.definition.kind}",
            "timestamp": self._now.isoformat(),
            "data": {
                "decision_id": proposal.decision_id,
                "rule_id": rule.rule_id,
                "rule_version": rule.version,
                "subject": proposal.subject,
                "occurrence": proposal.occurrence,
                "publication_id": self._publication.publication_id,
                "snapshot_id": self._publication.snapshot_id,
                "amount": None if proposal.amount is None else str(proposal.amount),
                "currency_code": proposal.currency_code,
                "explanation": dict(proposal.explanation),
                "message": dict(proposal.message),
            },
        }


def _known_ids(connection: Connection, proposals: Sequence[Proposal]) -> set[str]:
    known: set[str] = set()
    for chunk in chunks([proposal.decision_id for proposal in proposals]):
        query = select(decisions.c.decision_id).where(decisions.c.decision_id.in_(chunk))
        known.update(connection.execute(query).scalars())
    return known


def _without_cooling(
    connection: Connection, rule_id: str, proposals: Sequence[Proposal]
) -> list[Proposal]:
    """Leave out subjects with an open decision younger than the cooldown, by the data's clock."""
    last = _last_open(connection, rule_id, [p.subject for p in proposals if p.cooldown_days])
    kept = []
    for proposal in proposals:
        before = last.get(proposal.subject)
        pause = timedelta(days=proposal.cooldown_days)
        if proposal.cooldown_days and before and proposal.occurred_at < before + pause:
            continue
        kept.append(proposal)
        if proposal.cooldown_days:
            last[proposal.subject] = max(proposal.occurred_at, before or proposal.occurred_at)
    return kept


def _last_open(
    connection: Connection, rule_id: str, subjects: Sequence[str]
) -> dict[str, datetime]:
    last: dict[str, datetime] = {}
    for chunk in chunks(subjects):
        query = (
            select(decisions.c.subject, func.max(decisions.c.occurred_at).label("occurred_at"))
            .where(
                decisions.c.rule_id == rule_id,
                decisions.c.subject.in_(chunk),
                decisions.c.state.not_in(CLOSED_STATES),
            )
            .group_by(decisions.c.subject)
        )
        last.update({row.subject: row.occurred_at for row in connection.execute(query)})
    return last


def _decision(row: Row[Any]) -> Decision:
    return Decision(**row._mapping)
