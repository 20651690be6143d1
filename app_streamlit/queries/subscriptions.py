"""The reports that a person gets by e-mail, as the operational database keeps them now."""

from dataclasses import dataclass

from app_streamlit.queries.access import current_viewer
from connectors.database.engine import open_database
from connectors.database.report_subscriptions import Subscription, list_subscriptions
from connectors.errors import FourflowError
from connectors.settings import load_settings
from orchestration.reports.due import last_sent
from orchestration.reports.sending import recipient_of


@dataclass(frozen=True)
class Sent:
    """A subscription and what became of its newest report.

    Attributes:
        business_date: of the newest report; None: none was due yet.
        state: of its decision.
        reason: why it is held or was not delivered.
    """

    subscription: Subscription
    business_date: str | None = None
    state: str | None = None
    reason: str | None = None


def load_subscriptions(person: str) -> list[Sent]:
    """What a person gets, the earliest first."""
    engine = open_database(load_settings())
    found = list_subscriptions(engine, person)
    newest = last_sent(engine, [one.subscription_id for one in found])
    return [Sent(one, *newest.get(one.subscription_id, ())) for one in found]


def is_reachable(email: str) -> bool:
    """Whether the access policy names the person of an address, so that reports can be made."""
    if current_viewer().is_open:
        return True
    try:
        recipient_of(load_settings(), email)
    except FourflowError:
        return False
    return True
