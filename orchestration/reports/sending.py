"""Sends reports that are due: made up at that moment, as their recipient may see it then.

Nothing of a report waits in a queue, and whoever lost a role since gets nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from connectors.database.report_subscriptions import (
    Subscribed,
    Subscription,
    find_subscription,
    subscribe,
)
from connectors.database.saved_views import list_views
from connectors.errors import (
    ContractError,
    ForbiddenError,
    FourflowError,
    InputError,
    NothingPublishedError,
    PermanentError,
    TransientError,
)
from connectors.lake.permitted import open_permitted
from connectors.settings import Settings
from connectors.sinks.base import Receipt, Sink
from connectors.sinks.email import Mail, is_address
from orchestration.access.log import AccessEntry, record_access
from orchestration.access.login import login_file
from orchestration.access.policy import load_access_policy, policy_path
from orchestration.access.viewer import OPEN_VIEWER, Viewer
from orchestration.metrics.layer import MetricLayer
from orchestration.reports.contents import Desk, Report, require_page, write_report
from orchestration.reports.due import ACTION, SINK
from orchestration.reports.mails import mail_of
from orchestration.reports.unsubscribing import unsubscribe_url
from orchestration.reports.words import Words
from orchestration.run_state import utc_now

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Composed:
    """A report ready to be sent, and who gets it."""

    report: Report
    mail: Mail
    viewer: Viewer


def recipient_of(settings: Settings, email: str) -> Viewer:
    """As whom a report to an address is computed: the person whom the access policy names.

    Raises:
        ForbiddenError: a policy or a login is set up, and the policy names no such person.
        InputError: a login is set up and there is no policy.
    """
    if policy_path(settings) is None and login_file(settings) is None:
        return OPEN_VIEWER
    return load_access_policy(settings).viewer_of_person(email)


def begin_subscription(
    settings: Settings, engine: Engine, wanted: Subscribed, *, by: str, now: datetime
) -> Subscription:
    """Subscribe somebody to a report that their role may see and take away.

    Args:
        settings: of this installation.
        engine: the operational database.
        wanted: the report; `view_id` may be the view's name.
        by: who asks for it.
        now: the present time.

    Raises:
        InputError: the address is none, the person keeps no such view, or the time does not exist.
        ForbiddenError: the recipient's role may not open the page or take figures away.
    """
    if not is_address(wanted.email):
        raise InputError(f"{wanted.email!r} is no e-mail address; correct it.")
    viewer = recipient_of(settings, wanted.email)
    viewer.require("download")
    require_page(viewer, wanted)
    if not viewer.is_open:
        wanted = replace(wanted, person=viewer.person.strip().lower())
    if wanted.view_id:
        views = list_views(engine, wanted.person)
        found = [one for one in views if wanted.view_id in (one.view_id, one.name)]
        if not found:
            raise InputError(
                f"{wanted.person} keeps no view {wanted.view_id!r}; it is one of "
                f"{', '.join(one.name for one in views) or 'none: save one on Explore first'}."
            )
        wanted = replace(wanted, view_id=found[0].view_id)
    return subscribe(engine, wanted, by=by, now=now)


def compose(settings: Settings, engine: Engine, subscription: Subscription) -> Composed:
    """The report as it would be sent now.

    Raises:
        NothingPublishedError: there is nothing to report on.
        InputError: the subscription has ended.
        ForbiddenError: the recipient has no role or may not see it.
        ContractError: the saved view or the definitions of metrics are missing.
    """
    if subscription.ended_at is not None:
        raise InputError(
            f"The report {subscription.subscription_id} is ended, so it is not sent; nothing is to "
            "do."
        )
    viewer = recipient_of(settings, subscription.email)
    words = Words(subscription.language)
    zone = ZoneInfo(settings.business_time_zone)
    layer = MetricLayer(settings, may_parse=False)
    with open_permitted(settings, None, viewer.sight, engine=engine) as lake:
        report = write_report(Desk(engine, lake, layer, viewer, words, zone), subscription)
    mail = mail_of(
        report,
        to=subscription.email,
        words=words,
        attachment=subscription.attachment if viewer.may("download") else "none",
        unsubscribe_url=unsubscribe_url(settings, subscription.subscription_id),
    )
    return Composed(report, mail, viewer)


def with_reports(sinks: Mapping[str, Sink], settings: Settings, engine: Engine) -> dict[str, Sink]:
    """The sinks, of which the one for e-mail makes up reports when it is to send them."""
    return {
        name: ReportingSink(sink, settings, engine) if name == SINK else sink
        for name, sink in sinks.items()
    }


class ReportingSink:
    """Sends what it is given through another sink, reports with what they say at that moment."""

    is_unrepeatable: Literal[True] = True

    def __init__(self, sink: Sink, settings: Settings, engine: Engine) -> None:
        self._sink = sink
        self._settings = settings
        self._engine = engine

    @property
    def name(self) -> str:
        """The name that rules use."""
        return self._sink.name

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Send it; a report leaves an entry in the access log.

        Raises:
            PermanentError: the recipient may not have it (any more), or the subscription has ended.
            TransientError: it could not be made up or sent now.
        """
        data = payload.get("data", {})
        action = data.get("action", {})
        if action.get("type") != ACTION:
            return self._sink.deliver(key, payload)
        made = self._compose(str(action["fields"]["subscription_id"]))
        receipt = self._sink.deliver(key, {**payload, "data": {**data, "mail": made.mail}})
        entry = AccessEntry(
            person=made.mail["email"],
            role=made.viewer.role,
            door="reports",
            event="sent",
            subject=made.report.subject,
            detail=", ".join(one["name"] for one in made.mail["attachments"]) or None,
            publication_id=made.report.publication_id,
            row_count=made.report.row_count,
        )
        record_access(self._engine, entry, now=utc_now())
        return receipt

    def _compose(self, subscription_id: str) -> Composed:
        try:
            subscription = find_subscription(self._engine, subscription_id)
            return compose(self._settings, self._engine, subscription)
        except NothingPublishedError as error:
            raise TransientError(str(error)) from error
        except (ForbiddenError, InputError, ContractError) as error:
            raise PermanentError(str(error)) from error
        except FourflowError:
            raise
        except Exception as error:  # nothing has been sent yet, so it may be tried again
            logger.exception("report %s could not be made up", subscription_id)
            raise TransientError(
                f"The report could not be made up ({type(error).__name__}: {error}); it will be "
                "tried again."
            ) from error
