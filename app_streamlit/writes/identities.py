"""What people decide about customer accounts: merge, split, undo."""

from collections.abc import Callable, Sequence

from app_streamlit.queries import identities as cached
from app_streamlit.queries.access import current_viewer, note, write_as
from app_streamlit.queries.edition import edition_of, open_edition
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.errors import ForbiddenError
from connectors.lake.reader import PublishedLake
from connectors.lake.sight import Sight
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.stewardship import identities

_NEEDED = ("customer_key", "person_key", "name_token", "phone_token", "email_token")


def sees_whole_people(sight: Sight, business: str) -> bool:
    """Whether a viewer sees all accounts of a business: nobody judges what they see a part of."""
    permitted = sight.permitted()
    mine = permitted.pop("business", None)
    hides = any(sight.hides(name, identities.ACCOUNTS) for name in _NEEDED)
    return not permitted and not hides and (mine is None or business in mine)


def merge(business: str, pair: tuple[str, str], *, person: str, reason: str, seen: int) -> str:
    """Two accounts are one person.

    Raises:
        InputError: no reason, something stands against it, or somebody else was faster.
        ForbiddenError: the viewer may not, or sees a part of the accounts only.
    """
    return _decide(
        business,
        f"merge {pair[0]} {pair[1]}",
        person,
        lambda lake, who: identities.merge(
            open_database(load_settings()),
            lake,
            pair,
            person=who,
            reason=reason,
            now=utc_now(),
            seen=seen,
        ),
    )


def split(business: str, accounts: Sequence[str], *, person: str, reason: str, seen: int) -> str:
    """Some accounts of a person are somebody else's.

    Raises:
        InputError: no reason, nobody would stay, or somebody else was faster.
        ForbiddenError: the viewer may not, or sees a part of the accounts only.
    """
    return _decide(
        business,
        f"split {' '.join(accounts)}",
        person,
        lambda lake, who: identities.split(
            open_database(load_settings()),
            lake,
            accounts,
            person=who,
            reason=reason,
            now=utc_now(),
            seen=seen,
        ),
    )


def undo(business: str, act_id: str, *, person: str, reason: str) -> str:
    """Take an act back.

    Raises:
        InputError: no reason, or it is undone already.
        ForbiddenError: the viewer may not, or sees a part of the accounts only.
    """

    def take_back(lake: PublishedLake, who: str) -> str:
        engine = open_database(load_settings())
        identities.undo(engine, lake, act_id, person=who, reason=reason, now=utc_now())
        return act_id

    return _decide(business, f"undo {act_id}", person, take_back)


def _decide(
    business: str, subject: str, person: str, act: Callable[[PublishedLake, str], str]
) -> str:
    """Do it on the newest publication, under the viewer's name."""
    if not sees_whole_people(current_viewer().sight, business):
        note("refused", f"merge_customers {subject}")
        raise ForbiddenError("You see a part of these accounts only, so you can't decide on them.")
    person = write_as("merge_customers", subject, person)
    settings = load_settings()
    publication = find_publication(open_database(settings), None)
    newest = publication.publication_id if publication is not None else ""
    try:
        return act(open_edition(edition_of(settings, newest)), person)
    finally:
        cached.forget()
