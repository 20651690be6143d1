"""Which decisions of the ledger a viewer sees, and how much of each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from connectors.lake.sight import Sight
from orchestration.decisions import ledger
from orchestration.decisions.ledger import Decision
from orchestration.decisions.states import DecisionState

# Runs one select on the newest publication, whatever the viewer sees of it.
ReadRows = Callable[[str, Mapping[str, Any]], Sequence[Mapping[str, Any]]]
_BATCH = 500


def permitted_decisions(found: Sequence[Decision], sight: Sight, read: ReadRows) -> list[Decision]:
    """Those about the viewer's own rows: as the order itself, the subject and the reasons say."""
    if not sight.rows or not found:
        return list(found)
    orders = _orders_of(found, read)
    permitted = []
    for decision in found:
        subject = subject_of(decision)
        order = orders.get(str(subject.get("order_key")), {})
        if sight.permits([order, _placed(subject), _placed(decision.explanation)]):
            permitted.append(decision)
    return permitted


def walk_decisions(
    engine: Engine,
    sight: Sight,
    read: ReadRows,
    *,
    state: DecisionState | None = None,
    rule_id: str | None = None,
    kind: str | None = None,
    owner: str | None = None,
    order_key: str | None = None,
    after: Decision | None = None,
    until: str | None = None,
    batch: int = _BATCH,
) -> Iterator[Decision]:
    """All decisions that the viewer sees, the newest first, read `batch` at a time."""
    while True:
        found = ledger.list_decisions(
            engine,
            state=state,
            rule_id=rule_id,
            kind=kind,
            owner=owner,
            order_key=order_key,
            limit=batch,
            after=after,
            until=until,
        )
        yield from permitted_decisions(found, sight, read)
        if len(found) < batch:
            return
        after = found[-1]


def tells_hidden(decision: Decision, sight: Sight) -> bool:
    """Whether a hidden column is among its values, so that its sentences and amounts may tell."""
    return any(sight.hides(name) for name in (*decision.explanation, *subject_of(decision)))


def as_seen(decision: Decision, sight: Sight) -> Decision:
    """Without hidden values, and then without the sentences and amounts that may tell them."""
    if not tells_hidden(decision, sight):
        return decision
    told = {name: v for name, v in decision.explanation.items() if not sight.hides(name)}
    subject = {name: v for name, v in subject_of(decision).items() if not sight.hides(name)}
    return replace(
        decision,
        subject=json.dumps(subject, ensure_ascii=False, separators=(",", ":")),
        explanation=told,
        message={},
        amount=None,
        cost=None,
        options=(),
        state_reason=None,
    )


def subject_of(decision: Decision) -> dict[str, Any]:
    """What a decision is about, as fields."""
    with suppress(ValueError):
        subject = json.loads(decision.subject)
        if isinstance(subject, dict):
            return subject
    return {"subject": decision.subject}


def _orders_of(found: Sequence[Decision], read: ReadRows) -> Mapping[str, Mapping[str, Any]]:
    """Where the orders that decisions are about belong, by order_key."""
    keys = {str(key) for one in found if (key := subject_of(one).get("order_key")) is not None}
    if not keys:
        return {}
    rows = read(
        "select * from fct_orders where list_contains($keys, order_key)", {"keys": sorted(keys)}
    )
    return {str(row["order_key"]): _placed(row) for row in rows}


def _placed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with a province told as the region it is."""
    region = facts.get("region", facts.get("province"))
    return {**facts, "region": region}
