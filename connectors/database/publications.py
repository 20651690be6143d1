"""Publications: which snapshots of the lake people may see; the newest one is in force."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, delete, func, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import publications
from connectors.errors import InputError

_TICK = timedelta(microseconds=1)
_POINTER_LOCK = 4_044_044_046
_NEWEST_FIRST = (publications.c.published_at.desc(), publications.c.publication_id.desc())


@dataclass(frozen=True)
class Publication:
    """One published snapshot of the lake: everything a reader needs to open and to cite it."""

    publication_id: str
    published_at: datetime
    run_id: str
    snapshot_id: int
    git_commit: str
    manifest_hash: str
    checks: Mapping[str, int]
    row_counts: Mapping[str, int]


def record_publication(
    engine: Engine,
    *,
    run_id: str,
    snapshot_id: int,
    git_commit: str,
    manifest_hash: str,
    checks: Mapping[str, int],
    row_counts: Mapping[str, int],
    now: datetime | None = None,
) -> Publication:
    """Move the published pointer: from the commit of this one row on, readers see the snapshot.

    Its time is always later than the newest publication's, even when the clock was set back.

    Args:
        engine: the operational database.
        run_id: the run that made and checked the snapshot.
        snapshot_id: the lake's snapshot.
        git_commit: the project's commit, or "" outside a repository.
        manifest_hash: hash of dbt's manifest.
        checks: how many checks passed, warned and failed.
        row_counts: rows by table.
        now: the time to record; default is the clock.
    """
    with write_transaction(engine, lock=_POINTER_LOCK) as connection:
        newest = connection.execute(select(func.max(publications.c.published_at))).scalar()
        moment = now or datetime.now(UTC)
        if newest is not None and moment <= newest:
            moment = newest + _TICK
        publication = Publication(
            publication_id=f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            published_at=moment.astimezone(UTC),
            run_id=run_id,
            snapshot_id=snapshot_id,
            git_commit=git_commit,
            manifest_hash=manifest_hash,
            checks=dict(checks),
            row_counts=dict(row_counts),
        )
        connection.execute(insert(publications).values(**_values(publication)))
    return publication


def list_publications(
    engine: Engine, limit: int = 50, *, until: Publication | None = None
) -> list[Publication]:
    """The newest publications, newest first; `until`: that one and earlier ones."""
    query = select(publications).order_by(*_NEWEST_FIRST).limit(limit)
    if until is not None:
        query = query.where(publications.c.published_at <= until.published_at)
    with engine.connect() as connection:
        return [_publication(row) for row in connection.execute(query)]


def find_publication(engine: Engine, as_of: datetime | str | None) -> Publication | None:
    """The publication in force: now (None), at a time, or the one with that id.

    Args:
        engine: the operational database.
        as_of: None for the newest; an exact publication id; or an ISO 8601 time for the newest one
            published at or before it. A time without a zone is UTC; a date alone means the end of
            that day in UTC.

    Raises:
        InputError: the text is neither an id that exists nor a time.
    """
    query = select(publications).order_by(*_NEWEST_FIRST).limit(1)
    with engine.connect() as connection:
        if isinstance(as_of, str):
            by_id = select(publications).where(publications.c.publication_id == as_of.strip())
            named = connection.execute(by_id).one_or_none()
            if named is not None:
                return _publication(named)
        if as_of is not None:
            query = query.where(publications.c.published_at <= _moment(as_of))
        row = connection.execute(query).one_or_none()
    return None if row is None else _publication(row)


def delete_publications(engine: Engine, ids: Sequence[str]) -> int:
    """Forget these publications (before their snapshots expire); returns how many there were."""
    with write_transaction(engine) as connection:
        result = connection.execute(
            delete(publications).where(publications.c.publication_id.in_(list(ids)))
        )
    return result.rowcount


def _moment(as_of: datetime | str) -> datetime:
    if isinstance(as_of, datetime):
        return as_of.replace(tzinfo=UTC) if as_of.tzinfo is None else as_of
    text = as_of.strip()
    try:
        if len(text) == len("2026-11-21") and "-" in text:
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1) - _TICK
        return _moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise InputError(
            f"'{as_of}' is neither the id of a publication nor an ISO time; "
            "give one that `fourflow status` lists, or a time such as 2026-11-21T20:00:00Z."
        ) from None


def _values(publication: Publication) -> dict[str, Any]:
    return {column.name: getattr(publication, column.name) for column in publications.columns}


def _publication(row: Row[Any]) -> Publication:
    return Publication(**row._mapping)
