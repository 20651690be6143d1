"""Lands what a person corrected: one more record beside the refused one, which stays as received.

A correction is a file of one record, `corrections/<source_id of the original>`. When it is made
anew or taken back, a newer version of that file replaces it, as with any other file.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from connectors.lake.attach import connect_writer
from connectors.lake.lock import writer_lock
from connectors.lake.repair import bronze_tables, delete_uncommitted_rows
from connectors.settings import LAKE_NAME, Settings
from connectors.sources.files.load import land_package
from connectors.sources.files.staging import BRONZE_SCHEMA, SHA_IN_ID
from connectors.sources.mapping import load_source

FOLDER = "corrections/"


@dataclass(frozen=True)
class Correction:
    """What stands for a refused record.

    Attributes:
        source_id: of the refused record.
        payload: the whole record as it should be; of a correction that was taken back, as it was.
        decision_id: which decision made it so.
        is_taken_back: lands only what replaces an earlier landing.
    """

    source: str
    entity: str
    source_id: str
    payload: str
    decision_id: int
    is_taken_back: bool = False

    @property
    def file_name(self) -> str:
        """The file that it is."""
        return f"{FOLDER}{self.source_id}"

    @property
    def sha256(self) -> str:
        """Another one for every decision, so that the same text again is a version of its own."""
        return hashlib.sha256(f"{self.decision_id}:{self.payload}".encode()).hexdigest()


def land_corrections(settings: Settings, corrections: Sequence[Correction]) -> int:
    """Bring bronze up to date with what was corrected; returns how many records were landed.

    Landing twice, or after a kill, lands nothing twice.

    Raises:
        InputError: a source is not declared (any more).
        LakeBusyError: the writer lock did not come free in time.
        TransientError: the lake did not take the load; it may be tried again.
    """
    if not corrections:
        return 0
    count = 0
    now = datetime.now(UTC)
    with writer_lock(settings, purpose="landing corrections"):
        with connect_writer(settings, purpose="reading which corrections landed") as connection:
            delete_uncommitted_rows(connection)
            landed = _landed(connection)
        for source in sorted({one.source for one in corrections}):
            due = [
                (one, landed.get((source, one.entity, one.file_name)))
                for one in corrections
                if one.source == source
            ]
            new = [
                (one, version + 1)
                for one, (version, sha256) in ((one, known or (0, "")) for one, known in due)
                if one.sha256 != sha256 and (version or not one.is_taken_back)
            ]
            if new:
                _land(settings, source, new, now)
                count += len(new)
    return count


def _landed(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str, str], tuple[int, str]]:
    """Newest version and hash of every correction that landed."""
    if "received_files" not in bronze_tables(connection, with_load_id=True):
        return {}
    rows = connection.execute(
        "select source, entity, file_name, version, file_sha256 "  # noqa: S608 - constants
        f"from {LAKE_NAME}.bronze.received_files where starts_with(file_name, ?) order by version",
        [FOLDER],
    ).fetchall()
    return {(source, entity, name): (version, sha) for source, entity, name, version, sha in rows}


def _land(
    settings: Settings, source: str, new: Sequence[tuple[Correction, int]], now: datetime
) -> None:
    declared = load_source(settings, source)
    parts: dict[str, list[pa.Table]] = {}
    received = []
    for one, version in new:
        record = {
            "source_id": f"{one.sha256[:SHA_IN_ID]}:1",
            "cursor": one.file_name,
            "payload": one.payload,
            "read_error": None,
            "file_name": one.file_name,
            "file_sha256": one.sha256,
            "record_number": 1,
            "received_at": now,
        }
        table = declared.entity(one.entity).table
        parts.setdefault(table, []).append(pa.Table.from_pylist([record], schema=BRONZE_SCHEMA))
        received.append(
            {
                "source": source,
                "entity": one.entity,
                "file_name": one.file_name,
                "file_sha256": one.sha256,
                "version": version,
                "record_count": 1,
                "byte_count": len(one.payload.encode()),
                "modified_at": now,
                "received_at": now,
            }
        )
    land_package(settings, source, parts, received)
