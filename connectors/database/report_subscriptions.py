"""Reports that people get by e-mail: which, to whom, when, in which language and format.

Every function takes the person where a person asks, so nobody reads or ends what is somebody
else's. A subscription that has ended stays as a row: what was sent names it.
"""

import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import report_subscriptions
from connectors.errors import InputError

ReportKind = Literal["today", "cockpit", "view"]
Attached = Literal["none", "csv", "xlsx"]
Language = Literal["en", "zh"]
MOST_SUBSCRIPTIONS = 20
_HOURS, _WEEKDAYS = range(24), range(1, 8)


@dataclass(frozen=True)
class Subscribed:
    """What somebody gets.

    Attributes:
        person: whose saved views it shows, and on whose page it stands.
        email: whom it is sent to; what they may see decides about its rows and columns.
        report: the daily summary, their cockpit, or one saved view.
        hour: from which hour of the business's zone on.
        weekday: 1 (Monday) to 7; None: every day.
        view_id: which saved view.
    """

    person: str
    email: str
    report: ReportKind
    hour: int
    weekday: int | None = None
    view_id: str = ""
    language: Language = "en"
    attachment: Attached = "none"


@dataclass(frozen=True)
class Subscription(Subscribed):
    """A subscription that is kept.

    Attributes:
        subscription_id: what it is asked by.
        subscribed_by: who made it.
        created_at: from when on reports are due.
        ended_at: since when it is no more; None: it goes on.
    """

    subscription_id: str = ""
    subscribed_by: str = ""
    created_at: datetime | None = None
    ended_at: datetime | None = None


def subscribe(engine: Engine, wanted: Subscribed, *, by: str, now: datetime) -> Subscription:
    """Keep a subscription; the same one a second time is the one that is there.

    Raises:
        InputError: hour or weekday do not exist, a view is missing, or the person has too many.
    """
    if wanted.hour not in _HOURS:
        raise InputError(f"An hour is 0 to 23, not {wanted.hour}.")
    if wanted.weekday is not None and wanted.weekday not in _WEEKDAYS:
        raise InputError(f"A weekday is 1 (Monday) to 7, not {wanted.weekday}.")
    if (wanted.report == "view") != bool(wanted.view_id):
        raise InputError("Name the saved view that is to be sent, and only with the report view.")
    with write_transaction(engine) as connection:
        mine = select(report_subscriptions).where(
            report_subscriptions.c.person == wanted.person,
            report_subscriptions.c.ended_at.is_(None),
        )
        found = [_subscription(row) for row in connection.execute(mine)]
        asked = asdict(wanted)
        for one in found:
            if all(getattr(one, name) == value for name, value in asked.items()):
                return one
        if len(found) >= MOST_SUBSCRIPTIONS:
            raise InputError(
                f"{wanted.person} gets {MOST_SUBSCRIPTIONS} reports already; end one first."
            )
        new = Subscription(
            **asked, subscription_id=secrets.token_hex(8), subscribed_by=by, created_at=now
        )
        connection.execute(insert(report_subscriptions).values(**asdict(new)))
    return new


def list_subscriptions(engine: Engine, person: str | None = None) -> list[Subscription]:
    """Those that go on, of one person or of all, the earliest first."""
    query = select(report_subscriptions).where(report_subscriptions.c.ended_at.is_(None))
    if person is not None:
        query = query.where(report_subscriptions.c.person == person)
    order = (report_subscriptions.c.created_at, report_subscriptions.c.subscription_id)
    with engine.connect() as connection:
        return [_subscription(row) for row in connection.execute(query.order_by(*order))]


def find_subscription(engine: Engine, subscription_id: str) -> Subscription:
    """The subscription of that id, ended ones too; its first characters are enough.

    Raises:
        InputError: there is none, or several begin like that.
    """
    query = select(report_subscriptions).where(
        func.substr(report_subscriptions.c.subscription_id, 1, len(subscription_id))
        == subscription_id
    )
    with engine.connect() as connection:
        found = [_subscription(row) for row in connection.execute(query)]
    if not subscription_id or len(found) != 1:
        raise InputError(
            f"{'Several subscriptions begin' if found else 'No subscription begins'} with "
            f"{subscription_id!r}; see `fourflow reports list`."
        )
    return found[0]


def unsubscribe(
    engine: Engine, subscription_id: str, *, by: str, now: datetime, person: str | None = None
) -> Subscription:
    """End a subscription; one that has ended already is no mistake.

    Raises:
        InputError: there is no such subscription, or not of that person.
    """
    found = find_subscription(engine, subscription_id)
    if person is not None and found.person != person:
        raise InputError("You get no such report any more; load the page again.")
    with write_transaction(engine) as connection:
        connection.execute(
            update(report_subscriptions)
            .where(
                report_subscriptions.c.subscription_id == found.subscription_id,
                report_subscriptions.c.ended_at.is_(None),
            )
            .values(ended_at=now, ended_by=by)
        )
    return replace(found, ended_at=found.ended_at or now)


def _subscription(row: Row[Any]) -> Subscription:
    values = dict(row._mapping)
    values.pop("ended_by", None)
    return Subscription(**values)
