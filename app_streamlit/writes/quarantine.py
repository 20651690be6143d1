"""What people do about refused records: correct and replay, drop, undo."""

from collections.abc import Callable

from app_streamlit.queries.access import current_viewer, note, write_as
from app_streamlit.queries.edition import edition_of, open_edition
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.errors import ForbiddenError
from connectors.lake.reader import PublishedLake
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.stewardship import quarantine
from orchestration.stewardship.quarantine import RefusedRecord, Said


def find(source_id: str) -> tuple[RefusedRecord, dict[str, str]]:
    """A refused record as it stands now, and what it holds in the fields that may be corrected.

    Raises:
        InputError: there is no such record in quarantine.
        ForbiddenError: the viewer sees a part of the data only.
    """
    _require_everything(source_id)
    settings = load_settings()
    record = quarantine.find_record(open_database(settings), _newest(), source_id)
    return record, quarantine.correctable_fields(settings, record)


def correct(
    record: RefusedRecord, values: dict[str, str], *, person: str, reason: str
) -> RefusedRecord:
    """Say what a record should hold.

    Raises:
        InputError: no reason or value, or somebody else was faster.
        ForbiddenError: the viewer may not.
    """
    settings = load_settings()
    return _decide(
        f"correct {record.source_id}",
        person,
        lambda lake, who: quarantine.correct(
            settings,
            open_database(settings),
            lake,
            record.source_id,
            values,
            said=Said(who, reason, utc_now()),
            seen=record.decision_id,
        ),
    )


def drop(record: RefusedRecord, *, person: str, reason: str) -> RefusedRecord:
    """Say that nobody needs a record.

    Raises:
        InputError: no reason, or somebody else was faster.
        ForbiddenError: the viewer may not.
    """
    return _decide(
        f"drop {record.source_id}",
        person,
        lambda lake, who: quarantine.drop(
            open_database(load_settings()),
            lake,
            record.source_id,
            Said(who, reason, utc_now()),
            seen=record.decision_id,
        ),
    )


def undo(record: RefusedRecord, *, person: str, reason: str) -> RefusedRecord:
    """Have a record wait again.

    Raises:
        InputError: no reason, or nothing is decided about it.
        ForbiddenError: the viewer may not.
    """
    return _decide(
        f"undo {record.source_id}",
        person,
        lambda lake, who: quarantine.undo(
            open_database(load_settings()), lake, record.source_id, Said(who, reason, utc_now())
        ),
    )


def _decide(
    subject: str, person: str, act: Callable[[PublishedLake, str], RefusedRecord]
) -> RefusedRecord:
    _require_everything(subject)
    return act(_newest(), write_as("replay", subject, person))


def _require_everything(subject: str) -> None:
    """Whose record it is, nobody knows before it can be read."""
    if current_viewer().sight.is_limited:
        note("refused", f"replay {subject}")
        raise ForbiddenError("You see a part of the data only, so you can't decide on records.")


def _newest() -> PublishedLake:
    settings = load_settings()
    publication = find_publication(open_database(settings), None)
    newest = publication.publication_id if publication is not None else ""
    return open_edition(edition_of(settings, newest))
