"""Ways of decisions through their approvals: who was asked in turn, and how long each took.

With it goes what it would have cost to ask one of them no more. A node of the way is somebody who
is asked: first, because the one before did not answer in time, or as the second pair of eyes.
Everything is read from what is only ever appended to: events and verdicts of the ledger.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Engine, Row, select

from connectors.database.schema import approval_verdicts, approvals, decision_events, decisions
from orchestration.decisions.latency import Waits, waits_of

Arrival = Literal["asked", "escalated", "second"]
Ending = Literal["approved", "rejected", "escalated", "expired", "open"]
_ARRIVALS: tuple[Arrival, ...] = ("asked", "second", "escalated")
_ESCALATED, _EXPIRED = "escalated", "approval_expired"


@dataclass(frozen=True)
class Node:
    """Who is asked, and how a decision comes to them."""

    role: str
    arrival: Arrival


@dataclass(frozen=True)
class Step:
    """A decision at a node.

    Attributes:
        node: who was asked.
        entered_at: from when on.
        left_at: until when; None while it is there.
        ending: how it left.
        delegated: whether somebody answered for somebody else.
        changed: whether it was approved otherwise than proposed, by an option or another quantity.
    """

    node: Node
    entered_at: datetime
    left_at: datetime | None
    ending: Ending
    delegated: bool = False
    changed: bool = False

    @property
    def wait_seconds(self) -> float | None:
        """How long it waited there; None while it does."""
        return None if self.left_at is None else (self.left_at - self.entered_at).total_seconds()


@dataclass(frozen=True)
class ApprovalPath:
    """The way of one decision."""

    decision_id: str
    rule_id: str
    owner: str | None
    amount: Decimal | None
    currency_code: str | None
    steps: tuple[Step, ...]

    @property
    def wait_seconds(self) -> float | None:
        """From the first question to the end; None while somebody is asked."""
        last = self.steps[-1]
        if last.left_at is None:
            return None
        return (last.left_at - self.steps[0].entered_at).total_seconds()


@dataclass(frozen=True)
class WithoutNode:
    """What would have been different if a node had not been asked.

    Attributes:
        earlier: decisions that went out in the end, and how much earlier they would have.
        rejected: decisions that would have gone out although the node rejected them.
        rejected_amounts: money of these, by currency.
        changed: decisions that would have gone out as they were proposed.
        unanswered: decisions of which nobody knows, because they only came here when the one
            before had not answered.
    """

    earlier: Waits
    rejected: int
    rejected_amounts: dict[str, Decimal]
    changed: int
    unanswered: int


@dataclass(frozen=True)
class NodeFigures:
    """What passed one node.

    Attributes:
        node: which.
        waits: of all that have left it.
        open: decisions that are there now.
        approved: said yes.
        rejected: said no.
        passed_on: did not answer in time, so another was asked.
        expired: did not answer in time, and nobody was left to ask.
        delegated: answers by somebody for somebody else.
        changed: approved otherwise than proposed.
        without: what it would cost to ask it no more.
    """

    node: Node
    waits: Waits
    open: int
    approved: int
    rejected: int
    passed_on: int
    expired: int
    delegated: int
    changed: int
    without: WithoutNode


def approval_paths(
    engine: Engine, *, rule_id: str | None = None, since: datetime | None = None
) -> list[ApprovalPath]:
    """The ways of all decisions that somebody was asked about, the oldest first.

    Args:
        engine: the operational database.
        rule_id: only decisions of this rule.
        since: only those asked about from then on.
    """
    asked = (
        select(
            approvals,
            decisions.c.rule_id,
            decisions.c.owner,
            decisions.c.amount,
            decisions.c.currency_code,
        )
        .select_from(approvals.join(decisions))
        .order_by(approvals.c.requested_at, approvals.c.decision_id)
    )
    if rule_id is not None:
        asked = asked.where(decisions.c.rule_id == rule_id)
    if since is not None:
        asked = asked.where(approvals.c.requested_at >= since)
    wanted = asked.with_only_columns(approvals.c.decision_id).order_by(None)
    told = (
        select(decision_events)
        .where(
            decision_events.c.decision_id.in_(wanted),
            decision_events.c.event.in_((_ESCALATED, _EXPIRED, "approved", "amended")),
        )
        .order_by(decision_events.c.event_id)
    )
    said = (
        select(approval_verdicts)
        .where(approval_verdicts.c.decision_id.in_(wanted))
        .order_by(approval_verdicts.c.verdict_id)
    )
    with engine.connect() as connection:
        requests = connection.execute(asked).all()
        events = _by_decision(connection.execute(told).all())
        verdicts = _by_decision(connection.execute(said).all())
    return [
        ApprovalPath(
            row.decision_id,
            row.rule_id,
            row.owner,
            row.amount,
            row.currency_code,
            _steps(row, events.get(row.decision_id, []), verdicts.get(row.decision_id, [])),
        )
        for row in requests
    ]


def _by_decision(rows: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.decision_id, []).append(row)
    return found


def _steps(
    request: Row[Any], events: Sequence[Row[Any]], verdicts: Sequence[Row[Any]]
) -> tuple[Step, ...]:
    """Who was asked in turn; whoever is asked now stands in the request itself."""
    moves = [event for event in events if event.event in (_ESCALATED, _EXPIRED)]
    options = {
        (event.actor, event.happened_at)
        for event in events
        if event.event == "approved" and event.detail.get("option")
    }
    amended = [event.happened_at for event in events if event.event == "amended"]
    # Whoever answers first moves on what is overdue, so of one moment the move comes first.
    turns = sorted(
        [
            *((one.happened_at, True, one) for one in moves),
            *((one.given_at, False, one) for one in verdicts),
        ],
        key=lambda turn: (turn[0], not turn[1]),
    )
    steps: list[Step] = []
    entered, arrival = request.requested_at, _ARRIVALS[0]
    role = moves[0].detail["was_asked"] if moves else request.role
    for moment, is_move, turn in turns:
        node = Node(role, arrival)
        if is_move:
            ending: Ending = "escalated" if turn.event == _ESCALATED else "expired"
            steps.append(Step(node, entered, moment, ending))
            role, arrival = turn.detail.get("asked", role), "escalated"
        else:
            is_yes = turn.verdict == "approve"
            is_changed = is_yes and (
                (turn.approver, moment) in options or any(entered <= at <= moment for at in amended)
            )
            ending = "approved" if is_yes else "rejected"
            is_delegated = turn.on_behalf_of is not None
            steps.append(Step(node, entered, moment, ending, is_delegated, is_changed))
            arrival = "second"
        entered = moment
    if request.state == "awaiting":
        steps.append(Step(Node(role, arrival), entered, None, "open"))
    elif not steps:
        # Withdrawn or closed by other means than an answer: it was asked, and left without one.
        steps.append(Step(Node(role, arrival), entered, request.closed_at or entered, "expired"))
    return tuple(steps)


def path_lengths(paths: Sequence[ApprovalPath]) -> dict[int, int]:
    """How many decisions had so many nodes on their way, of those that are at its end."""
    lengths = Counter(len(one.steps) for one in paths if one.wait_seconds is not None)
    return dict(sorted(lengths.items()))


def path_waits(paths: Sequence[ApprovalPath]) -> Waits:
    """How long the whole way took those that are at its end."""
    return waits_of([wait for one in paths if (wait := one.wait_seconds) is not None])


def node_figures(paths: Sequence[ApprovalPath]) -> list[NodeFigures]:
    """One entry a node, the one in which most time was spent first."""
    met: dict[Node, list[tuple[ApprovalPath, int]]] = {}
    for path in paths:
        for place, step in enumerate(path.steps):
            met.setdefault(step.node, []).append((path, place))
    found = [_figures(node, visits) for node, visits in met.items()]

    def spent(one: NodeFigures) -> tuple[float, str, int]:
        total = sum(path.steps[place].wait_seconds or 0 for path, place in met[one.node])
        return (-total, one.node.role, _ARRIVALS.index(one.node.arrival))

    return sorted(found, key=spent)


def _figures(node: Node, visits: Sequence[tuple[ApprovalPath, int]]) -> NodeFigures:
    steps = [path.steps[place] for path, place in visits]
    endings = Counter(step.ending for step in steps)
    return NodeFigures(
        node,
        waits_of([wait for step in steps if (wait := step.wait_seconds) is not None]),
        endings["open"],
        endings["approved"],
        endings["rejected"],
        endings["escalated"],
        endings["expired"],
        sum(step.delegated for step in steps),
        sum(step.changed for step in steps),
        _without(node, visits),
    )


def _without(node: Node, visits: Sequence[tuple[ApprovalPath, int]]) -> WithoutNode:
    """Look at each way that is at its end, and leave the node out."""
    ended = [(path, path.steps[place]) for path, place in visits if path.wait_seconds is not None]
    if node.arrival == "escalated":
        # The one before had not answered: without this node it would have asked nobody, or another.
        return WithoutNode(waits_of([]), 0, {}, 0, len(ended))
    earlier = [
        step.wait_seconds or 0.0 for path, step in ended if path.steps[-1].ending == "approved"
    ]
    rejected = [path for path, step in ended if step.ending == "rejected"]
    amounts: dict[str, Decimal] = {}
    for path in rejected:
        if path.amount is not None and path.currency_code:
            before = amounts.get(path.currency_code, Decimal(0))
            amounts[path.currency_code] = before + path.amount
    changed = sum(step.changed for _, step in ended)
    return WithoutNode(waits_of(earlier), len(rejected), dict(sorted(amounts.items())), changed, 0)
