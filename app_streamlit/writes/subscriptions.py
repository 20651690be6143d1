"""What people do about reports by e-mail: subscribe and end."""

from app_streamlit.queries.access import write_as
from connectors.database.engine import open_database
from connectors.database.report_subscriptions import Subscribed, Subscription
from connectors.settings import load_settings
from orchestration.reports.due import end_subscription
from orchestration.reports.sending import begin_subscription
from orchestration.run_state import utc_now


def subscribe(wanted: Subscribed) -> Subscription:
    """Send a report from now on.

    Raises:
        InputError: the address or the view is none.
        ForbiddenError: the viewer may take no figures away, or the page is not theirs.
    """
    who = write_as("download", f"report {wanted.report} to {wanted.email}", wanted.person)
    settings = load_settings()
    return begin_subscription(settings, open_database(settings), wanted, by=who, now=utc_now())


def end(subscription_id: str, person: str) -> Subscription:
    """Send it no more.

    Raises:
        InputError: the person gets no such report.
    """
    engine = open_database(load_settings())
    return end_subscription(engine, subscription_id, by=person, now=utc_now(), person=person)
