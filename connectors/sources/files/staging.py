"""One file read once, completely, into a private copy of its records; or refused as a whole.

A file lands only when it was the same before, while and after it was read: a copy in progress is
left for the next load.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import InputError
from connectors.sources.files.discovery import OfferedFile
from connectors.sources.files.readers import read_records

SHA_IN_ID = 16
BRONZE_SCHEMA = pa.schema(
    [
        pa.field("source_id", pa.string()),
        pa.field("cursor", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("read_error", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("file_sha256", pa.string()),
        pa.field("record_number", pa.int64()),
        pa.field("received_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Fingerprint:
    """What a file is at one moment: its content and what the file system says about it."""

    sha256: str
    byte_count: int
    modified_ns: int

    @property
    def modified_at(self) -> datetime:
        """When the file was changed last, UTC."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, tz=UTC)


@dataclass(frozen=True)
class StagedFile:
    """The records of one file, ready to land."""

    path: Path
    record_count: int
    read_error_count: int

    def tables(self) -> Iterator[pa.Table]:
        """The records in bronze's columns, in parts."""
        with pa.memory_map(str(self.path)) as source:
            reader = pa.ipc.open_file(source)
            for index in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(index)])


def fingerprint(file: OfferedFile) -> Fingerprint:
    """Hash the file.

    Raises:
        InputError: the file can't be opened, or changes while it is hashed.
    """
    try:
        before = file.path.stat()
        with file.path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        after = file.path.stat()
    except OSError as error:
        raise InputError(
            f"{file.name} can't be opened ({error.strerror}); check that it exists and may be read."
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _still_changing(file)
    return Fingerprint(sha256, after.st_size, after.st_mtime_ns)


def stage_file(
    file: OfferedFile,
    expected: Fingerprint,
    *,
    to: Path,
    received_at: datetime,
    connection: duckdb.DuckDBPyConnection,
) -> StagedFile:
    """Read the file into `to`.

    Raises:
        InputError: nothing in the file can be used, or it is not any more what `expected` says.
    """
    record_count = read_error_count = 0
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    try:
        with pa.ipc.new_file(to, BRONZE_SCHEMA, options=options) as writer:
            for records in read_records(file.path, file.entity, connection):
                record_count += records.num_rows
                read_error_count += records.num_rows - records["read_error"].null_count
                writer.write_table(_bronze_rows(records, file, expected, received_at))
    except InputError:
        # A file that is cut off now may only be unfinished; that is the better thing to say.
        if _changed(file, expected):
            raise _still_changing(file) from None
        raise
    if _changed(file, expected):
        raise _still_changing(file)
    return StagedFile(to, record_count, read_error_count)


def _changed(file: OfferedFile, expected: Fingerprint) -> bool:
    try:
        return fingerprint(file) != expected
    except InputError:
        return True


def _still_changing(file: OfferedFile) -> InputError:
    return InputError(
        f"{file.name} changed while it was read, so it was left out; load it again when it is "
        "complete."
    )


def _bronze_rows(
    records: pa.Table, file: OfferedFile, content: Fingerprint, received_at: datetime
) -> pa.Table:
    count = records.num_rows
    name = pa.repeat(file.name, count)
    numbers = records["record_number"].cast(pa.string())
    return pa.table(
        [
            pc.binary_join_element_wise(content.sha256[:SHA_IN_ID], numbers, ":"),
            name,
            records["payload"],
            records["read_error"],
            name,
            pa.repeat(content.sha256, count),
            records["record_number"],
            pa.repeat(pa.scalar(received_at, pa.timestamp("us", tz="UTC")), count),
        ],
        schema=BRONZE_SCHEMA,
    )
