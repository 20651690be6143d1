"""Decisions of the ledger, and the verdicts of the person whose key asks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from connectors.errors import ForbiddenError, InputError
from orchestration.api.access import Access
from orchestration.api.answers import (
    Approval,
    DecisionEntry,
    DecisionEvent,
    DecisionLife,
    DecisionPage,
    GivenVerdict,
    VerdictRequest,
)
from orchestration.api.cursors import NOT_OURS, Cursor, CursorText, PageSize, read_cursor
from orchestration.api.problems import ConflictError, MissingError, described
from orchestration.api.reading import READ_ANSWERS, REFUSALS, Reader, present_reader_for, reader_for
from orchestration.decisions import ledger
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.approvals.verdicts import (
    Answer,
    ApprovalState,
    NotEntitledError,
    NothingAskedError,
    Verdict,
    find_approval,
    give_verdict,
)
from orchestration.decisions.ledger import Decision
from orchestration.decisions.states import DecisionState

router = APIRouter(tags=["decisions"])
_Reader = Annotated[Reader, Depends(reader_for("decisions:read"))]
_Writer = Annotated[Reader, Depends(present_reader_for("decisions:write"))]
_SCANNED = 500  # decisions read at a time
_TELLING = ("explanation", "message", "state_reason", "subject", "amount", "cost")


@dataclass(frozen=True)
class DecisionFilter:
    """Which decisions are asked for."""

    state: DecisionState | None = None
    rule_id: str | None = None
    kind: str | None = None


@router.get("/decisions", response_model=DecisionPage, responses=READ_ANSWERS)
def list_decisions(
    reader: _Reader,
    wanted: Annotated[DecisionFilter, Depends()],
    limit: PageSize = 100,
    cursor: CursorText = None,
) -> Response:
    """Decisions as they stand now, the newest first; `as_of`: those made from it or before."""
    reader.access.require_visible(name for name, value in vars(wanted).items() if value is not None)
    last = read_cursor(cursor)
    after = None if last is None else _of_cursor(reader, last)
    found = []
    for decision in _visible(reader, wanted, after):
        found.append(decision)
        if len(found) > limit:
            break
    page = found[:limit]
    following = Cursor("", page[-1].decision_id).text() if len(found) > limit else None
    rows = [shown(decision, reader.access) for decision in page]
    return reader.answer_present({"rows": rows, "next_cursor": following})


@router.get("/decisions/{decision_id}", response_model=DecisionLife, responses=READ_ANSWERS)
def show_decision(reader: _Reader, decision_id: str) -> Response:
    """One decision with its approval and history."""
    decision = _found(reader, decision_id)
    approval = find_approval(reader.api.engine, decision_id)
    history = ledger.decision_history(reader.api.engine, decision_id)
    content = {
        "decision": shown(decision, reader.access),
        "approval": None if approval is None else _told(approval),
        "history": [_fields(asdict(one), DecisionEvent.model_fields) for one in history],
    }
    return reader.answer_present(content)


_VERDICT_ANSWERS = {**REFUSALS, **described(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)}


@router.post(
    "/decisions/{decision_id}/approve", response_model=Approval, responses=_VERDICT_ANSWERS
)
def approve_decision(
    reader: _Writer,
    decision_id: str,
    body: VerdictRequest,
) -> Response:
    """Approve for the key's person; again is harmless."""
    return _answer(reader, decision_id, "approve", body.reason)


@router.post("/decisions/{decision_id}/reject", response_model=Approval, responses=_VERDICT_ANSWERS)
def reject_decision(
    reader: _Writer,
    decision_id: str,
    body: VerdictRequest,
) -> Response:
    """Reject for the key's person; again is harmless."""
    return _answer(reader, decision_id, "reject", body.reason)


def shown(decision: Decision, access: Access) -> dict[str, Any]:
    """A decision as a key sees it.

    Where a hidden column is among its values, neither sentences nor amounts are shown.
    """
    values = {**vars(decision), "made_from": decision.publication_id}
    values["subject"] = _subject(decision)
    told = _fields(values, DecisionEntry.model_fields)
    for name in ("explanation", "subject"):
        visible = {key: value for key, value in told[name].items() if not access.hides(key)}
        if len(visible) < len(told[name]):
            told = {key: value for key, value in told.items() if key not in _TELLING}
            break
    return {name: value for name, value in told.items() if not access.hides(name)}


def _answer(reader: Reader, decision_id: str, answer: Answer, reason: str) -> Response:
    decision = _found(reader, decision_id)
    person = reader.access.person
    if not person:
        raise ForbiddenError("This key answers for nobody; make one with --person NAME.")
    verdict = Verdict(answer, person, reason, "api")
    policy = load_approval_policy(reader.api.settings)
    try:
        state = give_verdict(
            reader.api.engine, policy, decision.decision_id, verdict, now=reader.api.now()
        )
    except InputError as error:
        state = _given_before(reader, decision.decision_id, verdict, error)
    return reader.acknowledge(_told(state))


def _given_before(
    reader: Reader, decision_id: str, verdict: Verdict, error: InputError
) -> ApprovalState:
    """The approval when the same person has said the same before; else what is wrong."""
    state = find_approval(reader.api.engine, decision_id)
    said = {one["approver"]: one["verdict"] for one in state.verdicts} if state else {}
    before = said.get(verdict.approver.strip())
    if state is not None and before == verdict.answer:
        return state
    if isinstance(error, NotEntitledError):
        raise ForbiddenError(str(error)) from error
    if isinstance(error, NothingAskedError) or before is not None:
        raise ConflictError(str(error)) from error
    raise error


def _found(reader: Reader, decision_id: str) -> Decision:
    with suppress(InputError):
        decision = ledger.find_decision(reader.api.engine, decision_id)
        if _permitted([decision], reader):
            return decision
    raise MissingError(f"There is no decision {decision_id[:100]} that this key may see.")


def _of_cursor(reader: Reader, cursor: Cursor) -> Decision:
    try:
        return _found(reader, cursor.last)
    except MissingError as error:
        raise InputError(NOT_OURS) from error


def _visible(reader: Reader, wanted: DecisionFilter, after: Decision | None) -> Iterator[Decision]:
    newest = reader.until()
    until = None if newest is None else newest.publication_id
    while True:
        batch = ledger.list_decisions(
            reader.api.engine, **vars(wanted), limit=_SCANNED, after=after, until=until
        )
        yield from _permitted(batch, reader)
        if len(batch) < _SCANNED:
            return
        after = batch[-1]


def _permitted(found: Sequence[Decision], reader: Reader) -> list[Decision]:
    """Those about the key's own rows: as the order itself says, the subject and the explanation."""
    if not reader.access.is_restricted or not found:
        return list(found)
    orders = _orders_of(found, reader)
    permitted = []
    for decision in found:
        subject = _subject(decision)
        order = orders.get(str(subject.get("order_key")), {})
        if reader.access.permits([order, subject, decision.explanation]):
            permitted.append(decision)
    return permitted


def _orders_of(found: Sequence[Decision], reader: Reader) -> Mapping[str, Mapping[str, Any]]:
    """Business and channel of the orders that decisions are about, by order_key."""
    keys = {str(key) for one in found if (key := _subject(one).get("order_key")) is not None}
    if not keys:
        return {}
    rows = reader.newest_edition().rows(
        "select order_key, business, channel from fct_orders where list_contains($keys, order_key)",
        {"keys": sorted(keys)},
    )
    return {str(row["order_key"]): row for row in rows}


def _subject(decision: Decision) -> dict[str, Any]:
    with suppress(ValueError):
        subject = json.loads(decision.subject)
        if isinstance(subject, dict):
            return subject
    return {"subject": decision.subject}


def _told(state: ApprovalState) -> dict[str, Any]:
    told = _fields(asdict(state), Approval.model_fields)
    told["verdicts"] = [_fields(one, GivenVerdict.model_fields) for one in state.verdicts]
    return told


def _fields(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names}
