"""The access log: who was refused what, downloaded or wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import access_log

Event = Literal["refused", "downloaded", "wrote", "signed_in"]
Door = Literal["dashboards", "api"]
_LONGEST = 500


@dataclass(frozen=True)
class AccessEntry:
    """One thing that happened at a door.

    Attributes:
        person: who; of a key, its id.
        role: their role; None: a key without one.
        door: where.
        event: what.
        subject: the page, path or action.
        detail: the reason of a refusal, the name of a file.
        publication_id: what was shown.
        row_count: rows of a download.
    """

    person: str
    role: str | None
    door: Door
    event: Event
    subject: str
    detail: str | None = None
    publication_id: str | None = None
    row_count: int | None = None


def record_access(engine: Engine, entry: AccessEntry, *, now: datetime) -> None:
    """Add an entry; long texts are cut, for a caller may choose them."""
    values = {
        name: value[:_LONGEST] if isinstance(value, str) else value
        for name, value in vars(entry).items()
    }
    with write_transaction(engine) as connection:
        connection.execute(insert(access_log).values(happened_at=now, **values))


def list_access(engine: Engine, limit: int = 100) -> Sequence[dict[str, Any]]:
    """Entries, the newest first."""
    query = select(access_log).order_by(access_log.c.entry_id.desc()).limit(limit)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
