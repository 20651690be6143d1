"""Loads offered files into bronze, each content once, however often and however brokenly offered.

All new files of one call land in one dlt package under the writer lock, together with their rows
in `bronze.received_files`. What that table says (of committed loads) decides what is new.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors.errors import InputError
from connectors.lake.attach import connect_writer
from connectors.lake.lock import writer_lock
from connectors.lake.repair import bronze_tables, delete_uncommitted_rows
from connectors.settings import LAKE_NAME, Settings
from connectors.sources.files.discovery import OfferedFile, find_files
from connectors.sources.files.report import FileOutcome, LoadProgress, LoadReport
from connectors.sources.files.staging import Fingerprint, StagedFile, fingerprint, stage_file
from connectors.sources.mapping import DeclaredSource, load_source

_RECEIVED_FILES = "received_files"
_RECEIVED_FILES_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("entity", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("file_sha256", pa.string()),
        pa.field("version", pa.int64()),
        pa.field("record_count", pa.int64()),
        pa.field("byte_count", pa.int64()),
        pa.field("modified_at", pa.timestamp("us", tz="UTC")),
        pa.field("received_at", pa.timestamp("us", tz="UTC")),
    ]
)
_ROWS_A_PART = 50_000
ReceivedFile = dict[str, Any]  # a row of `bronze.received_files`


@dataclass(frozen=True)
class _Received:
    entity: str
    file_name: str
    sha256: str
    version: int


@dataclass(frozen=True)
class _NewFile:
    file: OfferedFile
    content: Fingerprint
    outcome: FileOutcome
    staged: StagedFile


def load_files(
    settings: Settings,
    source_name: str,
    path: Path,
    *,
    on_progress: Callable[[LoadProgress], None] | None = None,
    now: datetime | None = None,
) -> LoadReport:
    """Load one file, or every matching file of a folder, for one source.

    Args:
        settings: which lake.
        source_name: a source that `mapping.list_sources` names.
        path: the file or folder.
        on_progress: told how far the load is.
        now: the load's `received_at`; default the present moment.

    Raises:
        InputError: the source is unknown, there is no file, or not one file could be used.
        LakeBusyError: the writer lock did not come free in time.
        TransientError: the lake did not take the load; it may be tried again.
    """
    received_at = (now or datetime.now(UTC)).astimezone(UTC)
    source = load_source(settings, source_name)
    offered = find_files(source, path)
    with writer_lock(settings, purpose=f"loading files of {source_name}"):
        scratch_root = _empty_scratch_root(settings)
        with connect_writer(settings, purpose="reading what was loaded before") as connection:
            delete_uncommitted_rows(connection)
            known = _received_before(connection, source_name)
        with tempfile.TemporaryDirectory(dir=scratch_root) as scratch:
            stager = _Stager(source, Path(scratch), received_at, known, on_progress)
            new, outcomes = stager.stage(offered)
            load_id = _land(settings, source, new, received_at) if new else None
    report = LoadReport(source_name, load_id, received_at, tuple(outcomes))
    if report.problems and not report.loaded and not report.skipped:
        raise InputError(_nothing_usable(report))
    return report


def _nothing_usable(report: LoadReport) -> str:
    first, *others = report.problems
    if not others:
        return first
    return f"None of the {len(report.files)} files could be loaded; the first of them: {first}"


def _empty_scratch_root(settings: Settings) -> Path:
    """The folder of half-read files; whatever a killed load left in it goes (we hold the lock)."""
    root = settings.root / "tmp" / "files"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    return root


def _received_before(connection: duckdb.DuckDBPyConnection, source: str) -> list[_Received]:
    if _RECEIVED_FILES not in bronze_tables(connection, with_load_id=True):
        return []
    rows = connection.execute(
        f"select entity, file_name, file_sha256, version from {LAKE_NAME}.bronze.{_RECEIVED_FILES} "  # noqa: S608 - constants
        "where source = ? order by version",
        [source],
    ).fetchall()
    return [_Received(*row) for row in rows]


class _Stager:
    """Decides file by file what is new, and reads what is."""

    def __init__(
        self,
        source: DeclaredSource,
        scratch: Path,
        received_at: datetime,
        known: list[_Received],
        on_progress: Callable[[LoadProgress], None] | None,
    ) -> None:
        self._source = source
        self._scratch = scratch
        self._received_at = received_at
        self._by_content = {(file.entity, file.sha256): file for file in known}
        self._newest = {(file.entity, file.file_name): file for file in known}
        self._on_progress = on_progress

    def stage(self, offered: list[OfferedFile]) -> tuple[list[_NewFile], list[FileOutcome]]:
        """The new files with their records, and what is to be said about each offered one."""
        new: list[_NewFile] = []
        outcomes: list[FileOutcome] = []
        with duckdb.connect() as connection:
            for file in offered:
                outcome = FileOutcome(file.entity.name, file.name, "loaded")
                try:
                    taken = self._take(file, outcome, connection)
                except InputError as error:
                    outcomes.append(replace(outcome, status="refused", reason=str(error)))
                else:
                    if isinstance(taken, _NewFile):
                        new.append(taken)
                    outcomes.append(taken.outcome if isinstance(taken, _NewFile) else taken)
                self._tell("reading", file.name, outcomes, len(offered))
        if new:
            self._tell("landing", None, outcomes, len(offered))
        return new, outcomes

    def _take(
        self, file: OfferedFile, outcome: FileOutcome, connection: duckdb.DuckDBPyConnection
    ) -> "_NewFile | FileOutcome":
        content = fingerprint(file)
        entity = file.entity.name
        before = self._by_content.get((entity, content.sha256))
        newest = self._newest.get((entity, file.name))
        if before is not None:
            return _skip(replace(outcome, byte_count=content.byte_count), before, newest)
        staged = stage_file(
            file,
            content,
            to=self._scratch / f"{len(self._by_content)}.arrow",
            received_at=self._received_at,
            connection=connection,
        )
        version = newest.version + 1 if newest else 1
        received = _Received(entity, file.name, content.sha256, version)
        self._by_content[entity, content.sha256] = received
        self._newest[entity, file.name] = received
        loaded = replace(
            outcome,
            version=version,
            record_count=staged.record_count,
            read_error_count=staged.read_error_count,
            byte_count=content.byte_count,
        )
        return _NewFile(file, content, loaded, staged)

    def _tell(self, stage: str, name: str | None, outcomes: list[FileOutcome], total: int) -> None:
        if self._on_progress:
            records = sum(outcome.record_count for outcome in outcomes)
            self._on_progress(
                LoadProgress(
                    stage="landing" if stage == "landing" else "reading",
                    file_name=name,
                    files_done=len(outcomes),
                    files_total=total,
                    record_count=records,
                )
            )


def _skip(outcome: FileOutcome, before: _Received, newest: _Received | None) -> FileOutcome:
    if newest is not None and before.file_name == newest.file_name and before != newest:
        return replace(
            outcome,
            status="refused",
            reason=(
                f"{outcome.file_name} has the content of its version {before.version} again, which "
                f"version {newest.version} replaced, so nothing was loaded; to go back, offer a "
                "file that differs from it, if only by a blank line."
            ),
        )
    return replace(
        outcome,
        status="skipped",
        version=before.version,
        reason=f"The same content was loaded before as {before.file_name}.",
    )


def _land(
    settings: Settings, source: DeclaredSource, new: list[_NewFile], received_at: datetime
) -> str:
    """Land the new files in one package; the id of the load."""
    tables = {
        entity.table: [f for f in new if f.file.entity == entity] for entity in source.entities
    }
    parts = {
        table: _parts(files)
        for table, files in tables.items()
        if any(file.staged.record_count for file in files)
    }
    return land_package(settings, source.name, parts, _register(source.name, new, received_at))


def land_package(
    settings: Settings,
    source_name: str,
    parts: Mapping[str, Iterable[pa.Table]],
    received: list[ReceivedFile],
) -> str:
    """Land records and what is to be known of their files in one package; the id of the load.

    Whoever calls holds the writer lock.

    Args:
        settings: which lake.
        source_name: whose records.
        parts: records by bronze table.
        received: the rows of `bronze.received_files`.

    Raises:
        TransientError: the lake did not take the load; it may be tried again.
    """
    import dlt  # noqa: PLC0415 - takes seconds to import, and only a load needs it

    from connectors.lake.dlt_destination import lake_pipeline, refusal_of  # noqa: PLC0415

    name = f"files_{source_name}"
    working_folder = settings.root / "dlt" / name
    # A killed load leaves a package here that must not be resumed: its rows were just deleted.
    shutil.rmtree(working_folder, ignore_errors=True)
    pipeline = lake_pipeline(settings, name)
    # Bronze itself says what was loaded; dlt's own state would be one more table to keep.
    pipeline.config.restore_from_destination = False
    register = pa.Table.from_pylist(received, schema=_RECEIVED_FILES_SCHEMA)
    resources = [
        dlt.resource(tables, name=table, write_disposition="append")
        for table, tables in parts.items()
    ]
    resources.append(dlt.resource([register], name=_RECEIVED_FILES, write_disposition="append"))
    advice = "nothing of them counts as loaded, so load them again"
    with refusal_of(settings, f"the files of {source_name}", advice):
        info = pipeline.run(resources, loader_file_format="parquet")
    shutil.rmtree(working_folder, ignore_errors=True)
    return str(info.loads_ids[0])


def _parts(files: list[_NewFile]) -> Iterator[pa.Table]:
    """The files' records; small files together, because every part has its cost."""
    waiting: list[pa.Table] = []
    row_count = 0
    for file in files:
        for table in file.staged.tables():
            waiting.append(table)
            row_count += table.num_rows
            if row_count >= _ROWS_A_PART:
                yield pa.concat_tables(waiting)
                waiting, row_count = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _register(source: str, new: list[_NewFile], received_at: datetime) -> list[ReceivedFile]:
    return [
        {
            "source": source,
            "entity": file.outcome.entity,
            "file_name": file.outcome.file_name,
            "file_sha256": file.content.sha256,
            "version": file.outcome.version,
            "record_count": file.outcome.record_count,
            "byte_count": file.outcome.byte_count,
            "modified_at": file.content.modified_at,
            "received_at": received_at,
        }
        for file in new
    ]
