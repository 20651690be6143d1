"""What people do about decisions: verdicts, chosen options, retries and letting go."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from app_streamlit.queries import answerable, suggestions
from app_streamlit.queries import ledger as cached
from app_streamlit.queries.access import (
    person_of,
    require_all_rows,
    require_decision,
    write_as,
    write_on_decision,
)
from app_streamlit.queries.risk import load_rule_hits
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions import outbox
from orchestration.decisions.approvals import bulk, verdicts
from orchestration.decisions.approvals.bulk import BulkAnswer, BulkItem, BulkOutcome
from orchestration.decisions.approvals.options import choose_option
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.run_state import utc_now


def answer(
    decision_id: str,
    verdict: verdicts.Answer,
    *,
    person: str,
    reason: str,
    option: str | None,
    clause: str = "",
) -> verdicts.ApprovalState:
    """Approve or reject what somebody is asked about.

    Raises:
        InputError: nobody is asked (any more), the person may not answer, or a reason is missing.
        ForbiddenError: the viewer may not approve, or does not see the decision.
    """
    person = write_on_decision("approve", decision_id, person)
    settings = load_settings()
    said = verdicts.Verdict(verdict, person, reason, "page", option, clause=clause)
    policy = load_approval_policy(settings)
    try:
        return verdicts.give_verdict(
            open_database(settings),
            policy,
            decision_id,
            said,
            now=utc_now(),
            zone=ZoneInfo(settings.business_time_zone),
        )
    finally:
        cached.forget()


def withdraw(decision_id: str, *, person: str, reason: str) -> int:
    """Cancel what a decision still has to send; how many deliveries.

    Raises:
        InputError: nothing of it is waiting, or the reason is missing.
        ForbiddenError: the viewer may not approve, or does not see the decision.
    """
    person = write_on_decision("approve", decision_id, person)
    engine = open_database(load_settings())
    try:
        return verdicts.withdraw(engine, decision_id, now=utc_now(), actor=person, reason=reason)
    finally:
        cached.forget()


def choose(decision_id: str, option: str, *, person: str, reason: str) -> int:
    """Execute an option of a decision that needs no approval; how many deliveries follow.

    Raises:
        InputError: it cannot be chosen (any more).
        ForbiddenError: the viewer may not approve, or does not see the decision.
    """
    person = write_on_decision("approve", decision_id, person)
    settings = load_settings()
    try:
        return choose_option(
            open_database(settings),
            decision_id,
            option,
            actor=person,
            reason=reason,
            now=utc_now(),
            zone=ZoneInfo(settings.business_time_zone),
        )
    finally:
        cached.forget()


def retry(decision_ids: list[str] | None, *, person: str) -> int:
    """Put dead deliveries (all, or those of some decisions) in the queue again; how many.

    Raises:
        ForbiddenError: the viewer may not approve, or does not see what is retried.
    """
    if decision_ids is None:
        require_all_rows()
        person = write_as("approve", "retry", person)
    for decision_id in decision_ids or ():
        person = write_on_decision("approve", decision_id, person)
    engine = open_database(load_settings())
    try:
        return outbox.retry_dead(engine, now=utc_now(), actor=person, decision_ids=decision_ids)
    finally:
        cached.forget()


def let_go(rule_id: str, *, person: str) -> int:
    """Release what was held because a rule made too many decisions; how many deliveries.

    Raises:
        ForbiddenError: the viewer may not approve, or sees some rows only.
    """
    require_all_rows()
    person = write_as("approve", f"let go {rule_id}", person)
    engine = open_database(load_settings())
    try:
        return outbox.release_held(
            engine, now=utc_now(), cause="volume", rule_id=rule_id, actor=person
        )
    finally:
        cached.forget()


def approve_all(
    items: Sequence[BulkItem],
    *,
    person: str,
    reason: str,
    option: str | None,
    is_rehearsal: bool,
) -> list[BulkOutcome]:
    """Approve many decisions, or tell what would come of it.

    Raises:
        ForbiddenError: the viewer may not approve, or does not see one of them; nothing is done.
    """
    for item in items:
        require_decision(item.decision_id)
    if is_rehearsal:
        person = person_of("approve", person)
    else:
        for item in items:
            person = write_as("approve", item.decision_id, person)
    settings = load_settings()
    answer = BulkAnswer(person, reason, option)
    try:
        return bulk.approve_all(
            open_database(settings),
            load_approval_policy(settings),
            items,
            answer,
            now=utc_now(),
            zone=ZoneInfo(settings.business_time_zone),
            is_rehearsal=is_rehearsal,
        )
    finally:
        cached.forget()
        answerable.forget()
        suggestions.forget()
        load_rule_hits.clear()
