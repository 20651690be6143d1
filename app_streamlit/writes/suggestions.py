"""What people do about suggested purchases: approve, reject, or order another quantity."""

from datetime import datetime
from zoneinfo import ZoneInfo

from app_streamlit.queries import answerable, suggestions
from app_streamlit.queries.access import write_on_decision
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions.approvals.amendments import Amendment, amend_quantity
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.approvals.verdicts import Answer, Verdict, give_verdict, withdraw
from orchestration.run_state import utc_now
from orchestration.tracking.links import links_from_settings


def answer(decision_id: str, verdict: Answer, *, person: str, reason: str, is_asked: bool) -> None:
    """Approve or reject a suggestion; one that nobody need approve can only be rejected.

    Raises:
        InputError: nobody is asked (any more), the person may not answer, or a reason is missing.
        ForbiddenError: the viewer may not approve, or does not see the suggestion.
    """
    person = write_on_decision("approve", decision_id, person)
    settings = load_settings()
    engine = open_database(settings)
    try:
        if is_asked:
            policy = load_approval_policy(settings)
            said = Verdict(verdict, person, reason, "page")
            zone = ZoneInfo(settings.business_time_zone)
            give_verdict(engine, policy, decision_id, said, now=utc_now(), zone=zone)
        else:
            withdraw(engine, decision_id, now=utc_now(), actor=person, reason=reason)
    finally:
        _forget()


def amend(
    decision_id: str, quantity: int, *, person: str, reason: str, seen_at: datetime | None
) -> None:
    """Order another quantity than the suggested one.

    Raises:
        InputError: it was sent, answered or changed meanwhile, or can't be ordered like that.
        ForbiddenError: the viewer may not approve, or does not see the suggestion.
    """
    person = write_on_decision("approve", decision_id, person)
    settings = load_settings()
    now = utc_now()
    try:
        amend_quantity(
            open_database(settings),
            load_approval_policy(settings),
            decision_id,
            Amendment(quantity, person, reason, seen_at),
            now=now,
            zone=ZoneInfo(settings.business_time_zone),
            tracking_link=lambda order_key: (
                links_from_settings(settings).issue(order_key, now=now).url
            ),
        )
    finally:
        _forget()


def _forget() -> None:
    """The list and what can be answered in one go are read anew."""
    suggestions.forget()
    answerable.forget()
