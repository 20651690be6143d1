"""Decisions of the ledger, and the verdicts of the person whose key asks."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.responses import Response

from connectors.errors import ForbiddenError, InputError
from connectors.lake.sight import Sight
from orchestration.access.decisions import (
    as_seen,
    permitted_decisions,
    subject_of,
    tells_hidden,
    walk_decisions,
)
from orchestration.access.log import AccessEntry, record_access
from orchestration.api.answers import (
    Approval,
    ApprovalRequest,
    Choice,
    ChoiceRequest,
    DecisionEntry,
    DecisionEvent,
    DecisionLife,
    DecisionOption,
    DecisionPage,
    GivenVerdict,
    VerdictRequest,
)
from orchestration.api.cursors import Cursor, CursorText, ForeignCursorError, PageSize, read_cursor
from orchestration.api.problems import ConflictError, MissingError, described
from orchestration.api.reading import (
    READ_ANSWERS,
    REFUSALS,
    Reader,
    asked,
    present_reader_for,
    reader_for,
)
from orchestration.decisions import ledger
from orchestration.decisions.approvals.options import (
    CHOSEN,
    ApproverChoosesError,
    OvertakenError,
    choose_option,
)
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

_TELLING = ("explanation", "message", "state_reason", "amount", "cost")


@dataclass(frozen=True)
class DecisionFilter:
    """Which decisions are asked for."""

    state: DecisionState | None = None
    rule_id: str | None = None
    kind: str | None = None


@router.get("/decisions", response_model=DecisionPage, responses=READ_ANSWERS)
def list_decisions(
    reader: _Reader,
    wanted: Annotated[DecisionFilter, Depends(asked(DecisionFilter))],
    limit: PageSize = 100,
    cursor: CursorText = None,
) -> Response:
    """Decisions as they stand now, the newest first; `as_of`: those made from it or before."""
    hidden = [
        name for name, v in vars(wanted).items() if v is not None and reader.sight.hides(name)
    ]
    if hidden:
        raise ForbiddenError(f"This key may not see {', '.join(hidden)}; leave it out.")
    last = read_cursor(cursor)
    after = None if last is None else _of_cursor(reader, last)
    found = []
    newest = reader.until()
    for decision in walk_decisions(
        reader.api.engine,
        reader.sight,
        reader.read_newest,
        **vars(wanted),
        after=after,
        until=None if newest is None else newest.publication_id,
    ):
        found.append(decision)
        if len(found) > limit:
            break
    page = found[:limit]
    following = Cursor("", page[-1].decision_id).text() if len(found) > limit else None
    rows = [shown(decision, reader.sight) for decision in page]
    return reader.answer_present({"rows": rows, "next_cursor": following})


@router.get("/decisions/{decision_id}", response_model=DecisionLife, responses=READ_ANSWERS)
def show_decision(reader: _Reader, decision_id: str) -> Response:
    """One decision with its options, approval and history."""
    decision = _found(reader, decision_id)
    approval = find_approval(reader.api.engine, decision_id)
    content = {
        "decision": shown(decision, reader.sight),
        "options": [
            {name: option.get(name) for name in DecisionOption.model_fields}
            for option in as_seen(decision, reader.sight).options
        ],
        "approval": None if approval is None else _told(reader, decision, approval),
        "history": [
            _fields({**asdict(one), **_said(one.detail)}, DecisionEvent.model_fields)
            for one in _history(reader, decision)
        ],
    }
    return reader.answer_present(content)


_VERDICT_ANSWERS = {**REFUSALS, **described(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)}


@router.post(
    "/decisions/{decision_id}/approve", response_model=Approval, responses=_VERDICT_ANSWERS
)
def approve_decision(reader: _Writer, decision_id: str, body: ApprovalRequest) -> Response:
    """Approve for the key's person, with one of its options or none; again is harmless."""
    return _answer(reader, decision_id, "approve", body, body.option)


@router.post("/decisions/{decision_id}/reject", response_model=Approval, responses=_VERDICT_ANSWERS)
def reject_decision(reader: _Writer, decision_id: str, body: VerdictRequest) -> Response:
    """Reject for the key's person; again is harmless."""
    return _answer(reader, decision_id, "reject", body)


@router.post("/decisions/{decision_id}/choose", response_model=Choice, responses=_VERDICT_ANSWERS)
def choose_for_decision(reader: _Writer, decision_id: str, body: ChoiceRequest) -> Response:
    """Execute an option where nobody is asked for approval; again is harmless."""
    decision = _found(reader, decision_id)
    person = _writes(reader, decision)
    try:
        choose_option(
            reader.api.engine,
            decision.decision_id,
            body.option,
            actor=person,
            reason=body.reason,
            now=reader.api.now(),
            zone=ZoneInfo(reader.api.settings.business_time_zone),
            seen_at=body.seen_at,
        )
    except InputError as error:
        chosen = _choice(reader, decision)
        is_the_same = (chosen.get("chosen_by"), chosen.get("option")) == (person, body.option)
        if not is_the_same:
            if isinstance(error, OvertakenError | ApproverChoosesError):
                raise ConflictError(str(error)) from error
            raise
    return reader.acknowledge(_choice(reader, decision))


def shown(decision: Decision, sight: Sight) -> dict[str, Any]:
    """A decision as a key sees it, without what may tell a hidden column."""
    seen = as_seen(decision, sight)
    values = {**vars(seen), "made_from": seen.publication_id, "subject": subject_of(seen)}
    told = _fields(values, DecisionEntry.model_fields)
    if tells_hidden(decision, sight):
        told = {name: value for name, value in told.items() if name not in _TELLING}
    return {name: value for name, value in told.items() if not sight.hides(name)}


def _writes(reader: Reader, decision: Decision) -> str:
    """For whom the key answers about a decision, once the access log tells that it does."""
    viewer = reader.viewer
    if not viewer.person:
        raise ForbiddenError("This key answers for nobody; make one with --person NAME.")
    viewer.require("approve")
    entry = AccessEntry(
        person=reader.access.key_id,
        role=viewer.role or None,
        door="api",
        event="wrote",
        subject=f"approve {decision.decision_id}",
        detail=f"for {viewer.person}",
    )
    record_access(reader.api.engine, entry, now=reader.api.now())
    return viewer.person


def _answer(
    reader: Reader,
    decision_id: str,
    answer: Answer,
    body: VerdictRequest,
    option: str | None = None,
) -> Response:
    decision = _found(reader, decision_id)
    person = _writes(reader, decision)
    verdict = Verdict(answer, person, body.reason, "api", option, body.seen_at)
    policy = load_approval_policy(reader.api.settings)
    try:
        state = give_verdict(
            reader.api.engine,
            policy,
            decision.decision_id,
            verdict,
            now=reader.api.now(),
            zone=ZoneInfo(reader.api.settings.business_time_zone),
        )
    except InputError as error:
        state = _given_before(reader, decision, verdict, error)
    return reader.acknowledge(_told(reader, decision, state))


def _given_before(
    reader: Reader, decision: Decision, verdict: Verdict, error: InputError
) -> ApprovalState:
    """The approval when the same person has said the same before; else what is wrong."""
    state = find_approval(reader.api.engine, decision.decision_id)
    said = {one["approver"]: one["verdict"] for one in state.verdicts} if state else {}
    before = said.get(verdict.approver.strip())
    chosen = _options_chosen(reader, decision).get(verdict.approver.strip())
    if state is not None and before == verdict.answer and chosen == verdict.option:
        return state
    if isinstance(error, NotEntitledError):
        raise ForbiddenError(str(error)) from error
    if isinstance(error, NothingAskedError | OvertakenError) or before is not None:
        raise ConflictError(str(error)) from error
    raise error


def _found(reader: Reader, decision_id: str) -> Decision:
    with suppress(InputError):
        decision = ledger.find_decision(reader.api.engine, decision_id)
        if permitted_decisions([decision], reader.sight, reader.read_newest):
            return decision
    raise MissingError(f"There is no decision {decision_id[:100]} that this key may see.")


def _of_cursor(reader: Reader, cursor: Cursor) -> Decision:
    try:
        return _found(reader, cursor.last)
    except MissingError as error:
        raise ForeignCursorError from error


def _history(reader: Reader, decision: Decision) -> list[ledger.DecisionEvent]:
    """What happened to a decision; without details where they may tell what is hidden."""
    found = ledger.decision_history(reader.api.engine, decision.decision_id)
    if tells_hidden(decision, reader.sight):
        return [replace(one, detail={}) for one in found]
    return found


def _choice(reader: Reader, decision: Decision) -> dict[str, Any]:
    """The option that was chosen where nobody is asked; empty: none was."""
    events = ledger.decision_history(reader.api.engine, decision.decision_id)
    event = next((one for one in events if one.event == CHOSEN), None)
    if event is None:
        return {}
    return {
        "decision_id": decision.decision_id,
        **_said(event.detail),
        "chosen_by": event.actor,
        "chosen_at": event.happened_at,
        "state": ledger.find_decision(reader.api.engine, decision.decision_id).state,
    }


def _options_chosen(reader: Reader, decision: Decision) -> dict[str, str | None]:
    """Which option each who approved chose with it."""
    events = ledger.decision_history(reader.api.engine, decision.decision_id)
    return {one.actor: one.detail.get("option") for one in events if one.event == "approved"}


def _said(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason": detail.get("reason"), "option": detail.get("option")}


def _told(reader: Reader, decision: Decision, state: ApprovalState) -> dict[str, Any]:
    chosen = _options_chosen(reader, decision)
    told = _fields(asdict(state), Approval.model_fields)
    is_silent = tells_hidden(decision, reader.sight)
    told["verdicts"] = [
        {
            **_fields({**one, "option": chosen.get(one["approver"])}, GivenVerdict.model_fields),
            **({"reason": None} if is_silent else {}),
        }
        for one in state.verdicts
    ]
    return told


def _fields(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names}
