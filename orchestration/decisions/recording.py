"""Writes what rules propose: ledger row, outbox rows, approval and history in one transaction."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, insert, select

from connectors.database.engine import write_transaction
from connectors.database.publications import Publication
from connectors.database.runs import RedState
from connectors.database.schema import approvals, decisions, outbox
from orchestration.decisions.approvals.policy import ApprovalPolicy, Requirement
from orchestration.decisions.budgets import BUDGET_LOCK, limit_of, period_of, spent
from orchestration.decisions.evaluation import decision_key
from orchestration.decisions.policy import LedgerPolicy
from orchestration.decisions.proposals import Evaluation, Proposal, ProposedAction, ProposedOption
from orchestration.decisions.rulebook import RuleVersion
from orchestration.decisions.states import CLOSED_STATES, Happening, chunks, refresh_states

logger = logging.getLogger(__name__)
_ACTOR = "rules"
VOLUME_ALERT = "volume_ceiling"


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
        over_budget: matches left out because their cost would pass the rule's budget; they are
            decided when there is budget again.
        held_because: why this pass's decisions wait, when they are more than the rule's ceiling.
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
    over_budget: int = 0
    held_because: str | None = None
    skipped: str | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What holds back decisions: policies, and the zone in which a day begins.

    Attributes:
        ledger: when decisions go stale and how many are too many.
        approvals: who must approve what.
        zone: the business time zone.
        model_versions: of the models whose tables the snapshot has, by table.
    """

    ledger: LedgerPolicy
    approvals: ApprovalPolicy
    zone: ZoneInfo
    model_versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Hold:
    cause: str | None = None
    reason: str | None = None


class Recorder:
    """Records the proposals of one pass."""

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        *,
        now: datetime,
        on_red: RedState | None,
        sinks: Collection[str] | None,
        limits: Limits,
    ) -> None:
        self._engine = engine
        self._publication = publication
        self._now = now
        self._sinks = sinks
        self._limits = limits
        self._red = _Hold("red_data", on_red.reason()) if on_red else _Hold()

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
        with write_transaction(self._engine, lock=BUDGET_LOCK) as connection:
            known = _known_ids(connection, evaluation.proposals)
            fresh = [p for p in evaluation.proposals if p.decision_id not in known]
            warm = _without_cooling(connection, rule.rule_id, fresh)
            new = self._within_budget(connection, rule, warm)
            flood = self._flood(connection, rule, new)
            if new:
                self._insert(connection, rule, new, flood)
            if flood.cause:
                self._alert(connection, rule, flood)
        return RuleReport(
            rule.rule_id,
            rule.version,
            matched=len(evaluation.proposals),
            created=len(new),
            known=len(known),
            cooling=len(fresh) - len(warm),
            overruled=len(evaluation.overruled),
            over_budget=len(warm) - len(new),
            held_because=flood.reason,
            errors=evaluation.errors,
        )

    def _flood(self, connection: Connection, rule: RuleVersion, new: Sequence[Proposal]) -> _Hold:
        """Hold the pass's decisions when today's pass the rule's ceiling."""
        acting = sum(proposal.mode == "act" for proposal in new)
        if not acting:
            return _Hold()
        volume = self._limits.ledger.volume
        before, today = self._daily_counts(connection, rule.rule_id, volume.window_days)
        ceiling = volume.ceiling(before)
        if ceiling is None or today + acting <= ceiling:
            return _Hold()
        reason = (
            f"held because the rule {rule.rule_id} made {today + acting} decisions today, more "
            f"than its ceiling of {ceiling} ({volume.factor} times the median day of "
            f"{len(before)}); look at them, then `fourflow decisions release --rule "
            f"{rule.rule_id}`"
        )
        logger.warning(reason)
        return _Hold("volume", reason)

    def _daily_counts(
        self, connection: Connection, rule_id: str, window_days: int
    ) -> tuple[list[int], int]:
        """Decisions of the days before today since the rule's first (0 where none), and today's."""
        today = self._now.astimezone(self._limits.zone).date()
        first = connection.execute(
            select(func.min(decisions.c.created_at)).where(decisions.c.rule_id == rule_id)
        ).scalar()
        query = select(decisions.c.created_at).where(
            decisions.c.rule_id == rule_id,
            decisions.c.mode == "act",
            decisions.c.created_at >= self._now - timedelta(days=window_days + 1),
        )
        moments: Iterable[datetime] = connection.execute(query).scalars()
        counts = Counter(moment.astimezone(self._limits.zone).date() for moment in moments)
        if first is None:
            return [], 0
        age = (today - first.astimezone(self._limits.zone).date()).days
        days = (today - timedelta(days=n) for n in range(1, min(age, window_days) + 1))
        return [counts[day] for day in days], counts[today]

    def _within_budget(
        self, connection: Connection, rule: RuleVersion, proposals: Sequence[Proposal]
    ) -> list[Proposal]:
        """Leave out what would pass the rule's budget, the newest first."""
        budget = rule.definition.budget
        if budget is None:
            return list(proposals)
        begins, _ = period_of(budget, self._now, self._limits.zone)
        left = limit_of(rule.definition, budget) - spent(connection, rule.rule_id, begins)
        kept = []
        for proposal in proposals:
            cost = (proposal.cost or Decimal(0)) if proposal.mode == "act" else Decimal(0)
            if cost <= left:
                left -= cost
                kept.append(proposal)
        return kept

    def _insert(
        self, connection: Connection, rule: RuleVersion, new: Sequence[Proposal], flood: _Hold
    ) -> None:
        ledger = {p.decision_id: self._ledger_row(rule, p) for p in new}
        traces = _traces(connection, {p.follows for p in new if p.follows})
        for p in new:
            ledger[p.decision_id]["trace_id"] = traces.get(p.follows or "", p.decision_id[:32])
        connection.execute(insert(decisions), list(ledger.values()))
        needs = {p.decision_id: self._requirement(rule, p) for p in new if p.mode == "act"}
        waiting = [self._approval_row(p, need) for p in new if (need := needs.get(p.decision_id))]
        if waiting:
            connection.execute(insert(approvals), waiting)
        deliveries = [
            row
            for p in new
            if p.mode == "act"
            for row in self._outbox_rows(
                rule, p, ledger[p.decision_id], needs[p.decision_id], flood
            )
        ]
        if deliveries:
            connection.execute(insert(outbox), deliveries)
        detail = {
            "publication_id": self._publication.publication_id,
            "sinks": self._names(rule.definition.sinks),
        }
        happening = Happening("proposed", self._now, _ACTOR, detail, is_first=True)
        refresh_states(connection, [p.decision_id for p in new], happening)

    def _requirement(self, rule: RuleVersion, proposal: Proposal) -> Requirement | None:
        asked = next((action.to for action in proposal.actions if _asks(action)), None)
        return self._limits.approvals.requirement(
            rule.definition.kind, proposal.amount, proposal.currency_code, asked
        )

    def _names(self, wanted: Sequence[str]) -> list[str]:
        """The sinks that are on; all that are wanted when none of them is."""
        if self._sinks is None:
            return list(wanted)
        return [sink for sink in wanted if sink in self._sinks] or list(wanted)

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
            "mode": proposal.mode,
            "branch": proposal.branch,
            "owner": rule.definition.owner,
            "priority": rule.definition.priority,
            "trace_id": proposal.decision_id[:32],
            "model_versions": dict(self._limits.model_versions),
            "options": [_option(option) for option in proposal.options],
            "cost": proposal.cost,
            "expires_at": self._now + self._limits.ledger.validity(rule.definition.kind),
        }

    def _approval_row(self, proposal: Proposal, need: Requirement) -> dict[str, Any]:
        return {
            "decision_id": proposal.decision_id,
            "tier": need.tier,
            "role": need.role,
            "needed": need.needed,
            "recommended": "approve",
            "state": "awaiting",
            "requested_at": self._now,
            "due_at": self._now + need.time_limit,
            "escalations": 0,
        }

    def _outbox_rows(
        self,
        rule: RuleVersion,
        proposal: Proposal,
        ledger: Mapping[str, Any],
        need: Requirement | None,
        flood: _Hold,
    ) -> Iterator[dict[str, Any]]:
        whole = ProposedAction("notify", None, rule.definition.sinks, proposal.message, {})
        for number, action in enumerate(proposal.actions or (whole,), start=1):
            hold = flood if flood.cause else self._red
            if need is not None and not _asks(action):
                # The outermost hold; when it ends, delivery looks at the others again.
                hold = _Hold("approval", f"held until {need.role} has approved it")
            for sink in self._names(action.sinks):
                row = delivery_row(ledger, action, number, sink, self._now)
                state = "held" if hold.cause else "pending"
                yield row | {"state": state, "hold_cause": hold.cause, "hold_reason": hold.reason}

    def _alert(self, connection: Connection, rule: RuleVersion, flood: _Hold) -> None:
        """Tell the rule's sinks once a day: an alert is a decision, too."""
        day = self._now.astimezone(self._limits.zone).date().isoformat()
        key = decision_key(VOLUME_ALERT, rule.rule_id, day)
        exists = select(decisions.c.decision_id).where(decisions.c.decision_id == key)
        if connection.execute(exists).one_or_none() is not None:
            return
        text = str(flood.reason)
        alert = Proposal(
            decision_id=key,
            subject=rule.rule_id,
            occurrence=day,
            occurred_at=self._now,
            amount=None,
            currency_code=None,
            cooldown_days=0,
            explanation={"rule_id": rule.rule_id, "reason": text},
            message={"en": text, "zh": f"规则 {rule.rule_id} 今日决策数超过上限，已暂缓，请核对。"},
        )
        row = self._ledger_row(rule, alert) | {"rule_id": VOLUME_ALERT, "kind": "alert"}
        connection.execute(insert(decisions), [row])
        told = self._ledger_row(rule, alert)
        deliveries = list(self._outbox_rows(rule, alert, told, None, _Hold()))
        connection.execute(insert(outbox), deliveries)
        happening = Happening("proposed", self._now, _ACTOR, {"reason": text}, is_first=True)
        refresh_states(connection, [key], happening)


def idempotency_key(sink: str, decision_id: str, action_no: int) -> str:
    """The key under which one action of a decision goes to one sink, always the same."""
    return f"{sink}_{decision_id}" + (f"_{action_no}" if action_no > 1 else "")


def delivery_row(
    ledger: Mapping[str, Any], action: ProposedAction, number: int, sink: str, now: datetime
) -> dict[str, Any]:
    """An outbox row that is due: one action of a decision to one sink.

    Args:
        ledger: the decision's row.
        action: what to do.
        number: of the action within the decision; actions go in the order of their numbers.
        sink: where to.
        now: the time to record.
    """
    decision_id = ledger["decision_id"]
    return {
        "decision_id": decision_id,
        "action_no": number,
        "sink": sink,
        "idempotency_key": idempotency_key(sink, decision_id, number),
        "payload": _payload(ledger, action, now),
        "state": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "hold_cause": None,
        "hold_reason": None,
        "created_at": now,
        "updated_at": now,
    }


def _payload(ledger: Mapping[str, Any], action: ProposedAction, now: datetime) -> dict[str, Any]:
    """What a sink gets: fixed when decided, so that every attempt sends the same."""
    same = ("decision_id", "rule_id", "rule_version", "subject", "occurrence", "publication_id",
            "snapshot_id", "trace_id", "currency_code")  # fmt: skip
    amount = ledger["amount"]
    return {
        "type": f"decision.{ledger['kind']}",
        "timestamp": now.isoformat(),
        "data": {
            **{name: ledger[name] for name in same},
            "amount": None if amount is None else str(amount),
            "explanation": dict(ledger["explanation"]),
            "message": dict(action.message),
            "action": action_content(action),
        },
    }


def action_content(action: ProposedAction) -> dict[str, Any]:
    """What a sink is told to do; texts stand beside it."""
    return {"type": action.type, "to": action.to, "fields": dict(action.fields)}


def _asks(action: ProposedAction) -> bool:
    return action.type == "request_approval"


def _option(option: ProposedOption) -> dict[str, Any]:
    """An option as the ledger keeps it: amounts as text, its actions ready to be done."""
    cost = None if option.cost is None else str(option.cost)
    return {**asdict(option), "cost": cost}


def _known_ids(connection: Connection, proposals: Sequence[Proposal]) -> set[str]:
    known: set[str] = set()
    for chunk in chunks([proposal.decision_id for proposal in proposals]):
        query = select(decisions.c.decision_id).where(decisions.c.decision_id.in_(chunk))
        known.update(connection.execute(query).scalars())
    return known


def _traces(connection: Connection, decision_ids: Collection[str]) -> dict[str, str]:
    """Trace ids of decisions that others continue."""
    found: dict[str, str] = {}
    columns = (decisions.c.decision_id, decisions.c.trace_id)
    for chunk in chunks(sorted(decision_ids)):
        query = select(*columns).where(decisions.c.decision_id.in_(chunk))
        found.update((row.decision_id, row.trace_id) for row in connection.execute(query))
    return found


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
