"""Records that were refused, and what people do about them: correct and replay, drop, undo.

A refused record stays as it was received. Correcting it says which of its fields should hold what,
and the next run reads a corrected copy beside it; dropping says that nobody needs it. Both need a
name and a reason, both can be undone, and nothing of it changes what was received: the original is
counted as quarantined for ever, and beside that as corrected or dropped.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import quarantine_decisions
from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.lake.attach import connect_snapshot
from connectors.lake.tables import TABLES
from connectors.settings import Settings
from connectors.sources.files.corrections import FOLDER, Correction, land_corrections
from connectors.sources.mapping import DeclaredEntity, load_source
from orchestration.snapshot import Snapshot

TABLE = "quarantined_records"
CORRECTED, DROPPED, UNDONE = "corrected", "dropped", "undone"
_LOCK = 4_044_044_070


@dataclass(frozen=True)
class RefusedRecord:
    """One record in quarantine.

    Attributes:
        payload: as received, personal values masked.
        event: what somebody decided last: corrected, dropped, undone; None when nobody did.
        decision_id: of that decision; whoever decides gives back the one they saw.
    """

    source: str
    entity: str
    source_id: str
    file_name: str | None
    reason: str
    payload: str
    event: str | None = None
    decision_id: int = 0
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for somebody."""
        return self.event in (None, UNDONE)


@dataclass(frozen=True)
class Said:
    """Who decides, why and when."""

    person: str
    reason: str
    now: datetime


def find_record(engine: Engine, lake: Snapshot, source_id: str) -> RefusedRecord:
    """One refused record with what was decided about it, also since it was published.

    Raises:
        InputError: there is no such record in quarantine.
    """
    found = lake.rows(
        f"select source, entity, source_id, file_name, reason, payload "  # noqa: S608 - own names
        f"from {TABLE} where source_id = $id",
        {"id": source_id},
    )
    if not found:
        raise InputError(
            f"There is no quarantined record {source_id[:100]}; `fourflow quarantine list` shows "
            "them."
        )
    with engine.connect() as connection:
        newest = _newest(connection, source_id)
    if newest is None:
        return RefusedRecord(**found[0])
    return RefusedRecord(
        **found[0],
        event=newest.event,
        decision_id=newest.decision_id,
        decided_by=newest.decided_by,
        decided_at=newest.decided_at,
        decision_reason=newest.reason,
    )


def correctable_fields(settings: Settings, record: RefusedRecord) -> dict[str, str]:
    """Headers that a person may correct, with what the record holds there; empty when none.

    Only records of files are corrected here: a platform's answer is corrected on the platform.
    Personal values are not, because nobody sees them and no decision may keep them.
    """
    entity = load_source(settings, record.source).entity(record.entity)
    if not entity.mapping.files:
        return {}
    held = _values(record.payload)
    return {
        column.header: str(held.get(column.header) or "")
        for column in entity.mapping.columns.values()
        if column.header and not column.pii and column.type != "remark"
    }


def correct(
    settings: Settings,
    engine: Engine,
    lake: Snapshot,
    source_id: str,
    values: Mapping[str, str],
    *,
    said: Said,
    seen: int | None = None,
) -> RefusedRecord:
    """Somebody says what a refused record should hold; the next run reads it so.

    Args:
        settings: which lake, and which project.
        engine: the operational database.
        lake: the published snapshot.
        source_id: which record.
        values: new values by header, or by the mapping's name of the column.
        said: who, why and when.
        seen: `RefusedRecord.decision_id` as that person saw it; None: not compared.

    Raises:
        InputError: no name, reason, value or record; a field that it has not, or that is personal;
            a record of a platform; or somebody else was faster.
    """
    record = _open_record(engine, lake, source_id, said)
    entity = load_source(settings, record.source).entity(record.entity)
    if not entity.mapping.files:
        raise InputError(
            f"{source_id} is an answer of {record.source}; correct it there and read it anew with "
            f"`fourflow connector backfill`, or drop it."
        )
    changes = _changes(settings, record, entity, values)
    return _record(engine, lake, record, CORRECTED, said, changes=changes, seen=seen)


def drop(
    engine: Engine, lake: Snapshot, source_id: str, said: Said, *, seen: int | None = None
) -> RefusedRecord:
    """Somebody says that nobody needs a refused record.

    Raises:
        InputError: no name, reason or record, or somebody else was faster.
    """
    record = _open_record(engine, lake, source_id, said)
    return _record(engine, lake, record, DROPPED, said, changes={}, seen=seen)


def undo(engine: Engine, lake: Snapshot, source_id: str, said: Said) -> RefusedRecord:
    """Somebody takes a correction or a drop back: the record waits again.

    Raises:
        InputError: no name, reason or record, or nothing is decided about it.
    """
    _require(said)
    record = find_record(engine, lake, source_id)
    if record.is_open:
        raise InputError(f"Nothing is decided about {source_id}, so there is nothing to undo.")
    return _record(engine, lake, record, UNDONE, said, changes={}, seen=record.decision_id)


def land_decided(settings: Settings, engine: Engine) -> int:
    """Bring bronze up to date with what was corrected; every run does, before it builds.

    Returns:
        How many records were landed.
    """
    with engine.connect() as connection:
        rows = connection.execute(
            select(quarantine_decisions).order_by(quarantine_decisions.c.decision_id)
        ).all()
    newest = {(row.source, row.entity, row.source_id): row for row in rows}
    touched = {key for key, row in _by_record(rows) if row.event == CORRECTED}
    due = []
    for key in sorted(touched):
        row = newest[key]
        original = _received(settings, *key)
        if original is None:
            continue
        is_corrected = row.event == CORRECTED
        payload = _corrected(original, row.changes) if is_corrected else original[0]
        due.append(Correction(*key, payload, row.decision_id, is_taken_back=not is_corrected))
    return land_corrections(settings, due)


def _by_record(rows: Sequence[Row[Any]]) -> list[tuple[tuple[str, str, str], Row[Any]]]:
    return [((row.source, row.entity, row.source_id), row) for row in rows]


def _received(
    settings: Settings, source: str, entity: str, source_id: str
) -> tuple[str, str | None] | None:
    """The record as it was received, with why it could not be read; None when it is gone."""
    table = load_source(settings, source).entity(entity).table
    with connect_snapshot(settings) as connection:
        known = connection.execute(
            f"select 1 from ({TABLES}) where schema_name = 'bronze' and table_name = ?",  # noqa: S608
            [table],
        ).fetchone()
        if not known:
            return None
        found = connection.execute(
            f'select payload, read_error from lake.bronze."{table}" where source_id = ?',  # noqa: S608
            [source_id],
        ).fetchone()
    return (str(found[0]), found[1]) if found else None


def _corrected(original: tuple[str, str | None], changes: Mapping[str, Any]) -> str:
    """The whole record as it should be: of a line that could not be read, what was said of it."""
    payload, read_error = original
    values = {} if read_error else _values(payload)
    told = {header: change["to"] for header, change in changes.items()}
    return json.dumps(values | told, ensure_ascii=False)


def _values(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _changes(
    settings: Settings, record: RefusedRecord, entity: DeclaredEntity, values: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    fields = correctable_fields(settings, record)
    names = {name: column.header for name, column in entity.mapping.columns.items()}
    changes = {}
    for name, value in values.items():
        header = names.get(name, name) if name not in fields else name
        if header in names.values() and header not in fields:
            raise InputError(
                f"{name} is personal, so it is not corrected here; correct it at the source and "
                "offer the file again."
            )
        if header not in fields:
            raise InputError(
                f"{record.source}.{record.entity} has no field {name}; {suggest(name, fields)}."
            )
        if value != fields[header]:
            changes[header] = {"from": fields[header], "to": value}
    if not changes:
        raise InputError("Say what is to be corrected: a field and a value that differs from it.")
    return changes


def _open_record(engine: Engine, lake: Snapshot, source_id: str, said: Said) -> RefusedRecord:
    _require(said)
    record = find_record(engine, lake, source_id)
    if (record.file_name or "").startswith(FOLDER):
        original = (record.file_name or "").removeprefix(FOLDER)
        raise InputError(
            f"{source_id} is the correction of {original}; correct, drop or undo that one."
        )
    if record.event == DROPPED:
        raise InputError(f"{record.decided_by} dropped {source_id}; undo that first.")
    return record


def _require(said: Said) -> None:
    if not said.person.strip():
        raise InputError("Say who you are: what becomes of a record, a person decides.")
    if not said.reason.strip():
        raise InputError("Say why: the reason is kept with the record.")


def _record(
    engine: Engine,
    lake: Snapshot,
    record: RefusedRecord,
    event: str,
    said: Said,
    *,
    changes: Mapping[str, Any],
    seen: int | None,
) -> RefusedRecord:
    with write_transaction(engine, lock=_LOCK) as connection:
        newest = _newest(connection, record.source_id)
        if seen is not None and newest is not None and newest.decision_id > seen:
            raise InputError(
                f"{newest.decided_by} was faster: {record.source_id} was {newest.event} at "
                f"{newest.decided_at:%H:%M} UTC; look at it again."
            )
        connection.execute(
            insert(quarantine_decisions).values(
                source=record.source,
                entity=record.entity,
                source_id=record.source_id,
                event=event,
                decided_by=said.person.strip(),
                decided_at=said.now,
                reason=said.reason.strip(),
                changes=changes,
                publication_id=lake.publication.publication_id,
            )
        )
    return find_record(engine, lake, record.source_id)


def _newest(connection: Connection, source_id: str) -> Row[Any] | None:
    return connection.execute(
        select(quarantine_decisions)
        .where(quarantine_decisions.c.source_id == source_id)
        .order_by(quarantine_decisions.c.decision_id.desc())
        .limit(1)
    ).first()
