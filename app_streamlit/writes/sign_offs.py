"""What people do about a day's reconciliation: sign it off, or take their signature back."""

from datetime import date

from app_streamlit.queries import reconciliation as cached
from app_streamlit.queries.access import current_viewer, note, write_as
from app_streamlit.queries.edition import newest_edition, open_edition
from connectors.database.engine import open_database
from connectors.errors import ForbiddenError
from connectors.lake.reader import PublishedLake
from connectors.lake.sight import Sight
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.stewardship import sign_offs
from orchestration.stewardship.sign_offs import DayStanding

_FIGURES = ("item_count", "recorded_amount", "reported_amount", "difference_amount")


def sees_whole_days(sight: Sight, business: str) -> bool:
    """Whether a viewer sees all figures of a business's days: nobody signs what they don't see."""
    permitted = sight.permitted()
    mine = permitted.pop("business", None)
    hides = any(sight.hides(name, sign_offs.TABLE) for name in _FIGURES)
    return not permitted and not hides and (mine is None or business in mine)


def sign(business: str, day: date, *, person: str, note_: str, seen: str) -> DayStanding:
    """Sign a day off with the figures of the newest publication.

    Raises:
        InputError: a note is missing, the figures changed since they were seen, or it is signed.
        ForbiddenError: the viewer may not sign, or sees a part of the figures only.
    """
    lake, person = _allowed(business, day, person)
    engine = open_database(load_settings())
    try:
        return sign_offs.sign_off(
            engine, lake, (business, day), person=person, note=note_, now=utc_now(), seen=seen
        )
    finally:
        cached.forget()


def withdraw(business: str, day: date, *, person: str, note_: str) -> DayStanding:
    """Take the viewer's own signature back.

    Raises:
        InputError: the viewer has not signed, or gives no reason.
        ForbiddenError: the viewer may not sign, or sees a part of the figures only.
    """
    lake, person = _allowed(business, day, person)
    engine = open_database(load_settings())
    try:
        return sign_offs.withdraw(
            engine, lake, (business, day), person=person, note=note_, now=utc_now()
        )
    finally:
        cached.forget()


def _allowed(business: str, day: date, person: str) -> tuple[PublishedLake, str]:
    """The newest publication, and the name that the signature bears."""
    subject = f"{business} {day}"
    if not sees_whole_days(current_viewer().sight, business):
        note("refused", f"sign_off {subject}")
        raise ForbiddenError("You see a part of these figures only, so you can't sign them.")
    person = write_as("sign_off", subject, person)
    return open_edition(newest_edition()), person
