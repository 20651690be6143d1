"""Moves what waits in the inbox into bronze, each message once however the move ends.

A pass takes sealed segments, drops what bronze has already (the same segment moved before, or the
same message sent again within forty days), lands the rest in one dlt package under the writer lock,
and removes the segments only when that package is committed. A move that is killed leaves either
segments whose rows are in bronze, which the next pass recognises, or rows that no committed load
has, which the next pass deletes first.
"""

import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.inbox.segments import (
    DAMAGED,
    Message,
    read_segment,
    remove_segments,
    seal_if_nobody_serves,
    sealed_messages,
    sealed_segments,
    segment_name,
)
from connectors.lake.attach import connect_writer
from connectors.lake.lock import writer_lock
from connectors.lake.repair import bronze_tables, delete_uncommitted_rows
from connectors.settings import LAKE_NAME, Settings
from connectors.sources.api.entity import BRONZE_SCHEMA

logger = logging.getLogger(__name__)

_PASS_BYTES = 32 << 20
# No platform sends a push again after this long by itself; the comparison stays small.
_COMPARED = timedelta(days=40)
_PUSHES_SCHEMA = BRONZE_SCHEMA.append(pa.field("topic", pa.string())).append(
    pa.field("dedupe_key", pa.string())
)


@dataclass(frozen=True)
class InboxReport:
    """What one move did.

    Attributes:
        landed: messages that this move put into bronze, by source.
        duplicates: messages that bronze had already, sent again by the platform.
        moved_before: messages of segments that an interrupted move had landed but not removed.
        segments: number of segments that were removed.
        damaged: segments of which the disk lost something; they are kept aside, what could be
            read of them was moved.
        load_ids: dlt loads that were committed.
    """

    landed: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    moved_before: int = 0
    segments: int = 0
    damaged: int = 0
    load_ids: tuple[str, ...] = ()

    @property
    def landed_count(self) -> int:
        """Messages that this move put into bronze."""
        return sum(self.landed.values())


@dataclass(frozen=True)
class _Numbered:
    """A message with its place: the segment and its number there, from 1."""

    segment: str
    number: int
    message: Message

    @property
    def source_id(self) -> str:
        return f"{self.segment}:{self.number}"


def move_to_bronze(settings: Settings) -> InboxReport:
    """Move everything that is sealed when this begins.

    Args:
        settings: which home and lake.

    Raises:
        LakeBusyError: the writer lock did not come free in time.
        TransientError: the lake did not take the load; nothing was removed, so move again.
    """
    folder = settings.inbox_path
    if not folder.is_dir():
        return InboxReport()
    seal_if_nobody_serves(folder)
    waiting = sealed_segments(folder)
    report = InboxReport()
    if not waiting:
        return report
    with writer_lock(settings, purpose="moving the inbox"):
        for segments in _passes(waiting):
            report = _Pass(settings, segments).run(report)
    return report


def _passes(segments: Sequence[Path]) -> Iterator[list[Path]]:
    """The segments in groups that fit into memory."""
    group: list[Path] = []
    size = 0
    for segment in segments:
        if not segment.exists():  # another move was faster
            continue
        group.append(segment)
        size += segment.stat().st_size
        if size >= _PASS_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Pass:
    """Some segments on their way into bronze."""

    def __init__(self, settings: Settings, segments: list[Path]) -> None:
        self._settings = settings
        self._segments = segments
        self._messages: dict[str, list[_Numbered]] = defaultdict(list)
        self._damaged: list[Path] = []

    def run(self, before: InboxReport) -> InboxReport:
        """Land the pass and remove its segments; the report so far with this pass added."""
        self._read()
        total = sum(len(messages) for messages in self._messages.values())
        moved_before = self._drop_known()
        left = {source: messages for source, messages in self._messages.items() if messages}
        load_id = _land(self._settings, left) if left else None
        self._remove()
        landed = dict(before.landed)
        for source, messages in left.items():
            landed[source] = landed.get(source, 0) + len(messages)
        new = sum(len(messages) for messages in left.values())
        return replace(
            before,
            landed=landed,
            duplicates=before.duplicates + total - moved_before - new,
            moved_before=before.moved_before + moved_before,
            segments=before.segments + len(self._segments),
            damaged=before.damaged + len(self._damaged),
            load_ids=(*before.load_ids, load_id) if load_id else before.load_ids,
        )

    def _read(self) -> None:
        for path in self._segments:
            content = read_segment(path)
            if content.damaged_bytes or len(content.messages) < sealed_messages(path):
                logger.error("segment %s is damaged; it is kept aside", path.name)
                self._damaged.append(path)
            name = segment_name(path)
            for number, message in enumerate(content.messages, start=1):
                self._messages[message.source].append(_Numbered(name, number, message))

    def _drop_known(self) -> int:
        """Leave only what bronze does not have; how many were there from these very segments."""
        moved_before = 0
        with connect_writer(self._settings, purpose="comparing the inbox with bronze") as lake:
            delete_uncommitted_rows(lake, {_table(source) for source in self._messages})
            tables = bronze_tables(lake, with_load_id=True)
            for source, messages in self._messages.items():
                has_table = _table(source) in tables
                here, seen = _known(lake, source, messages) if has_table else (set(), set())
                fresh = []
                for numbered in messages:
                    key = (numbered.message.account, numbered.message.dedupe_key)
                    if numbered.source_id in here:
                        moved_before += 1
                    elif key not in seen:
                        seen.add(key)
                        fresh.append(numbered)
                self._messages[source] = fresh
        return moved_before

    def _remove(self) -> None:
        """Remove what is in bronze; a damaged segment is kept aside for people to look at."""
        for path in self._damaged:
            path.rename(path.with_suffix(DAMAGED))
        remove_segments([path for path in self._segments if path not in self._damaged])


def _table(source: str) -> str:
    return f"{source}_pushes"


def _known(
    lake: duckdb.DuckDBPyConnection, source: str, messages: list[_Numbered]
) -> tuple[set[str], set[tuple[str, str]]]:
    """Which of these places, and which of these messages, bronze has."""
    asked = pa.table(
        {
            "file_name": [numbered.segment for numbered in messages],
            "account": [numbered.message.account for numbered in messages],
            "dedupe_key": [numbered.message.dedupe_key for numbered in messages],
        }
    )
    oldest = min(datetime.fromisoformat(numbered.message.received_at) for numbered in messages)
    lake.register("asked", asked)
    try:
        # The name is that of a configured source.
        rows = lake.execute(
            f'select source_id, account, dedupe_key from {LAKE_NAME}.bronze."{_table(source)}" '  # noqa: S608
            "where received_at >= ? and (dedupe_key in (select dedupe_key from asked) "
            "or file_name in (select file_name from asked))",
            [oldest - _COMPARED],
        ).fetchall()
    finally:
        lake.unregister("asked")
    return {row[0] for row in rows}, {(row[1], row[2]) for row in rows}


def _land(settings: Settings, messages: dict[str, list[_Numbered]]) -> str:
    """Land the messages of all sources in one package; the id of the load."""
    import dlt  # noqa: PLC0415 - takes seconds to import, and only a load needs it

    from connectors.lake.dlt_destination import lake_pipeline, refusal_of  # noqa: PLC0415

    working_folder = settings.root / "dlt" / "inbox"
    # A killed move leaves a package here that must not be resumed: its rows were just deleted.
    shutil.rmtree(working_folder, ignore_errors=True)
    pipeline = lake_pipeline(settings, "inbox")
    pipeline.config.restore_from_destination = False
    resources = [
        dlt.resource([_rows(of_source)], name=_table(source), write_disposition="append")
        for source, of_source in messages.items()
    ]
    with refusal_of(settings, "the inbox", "nothing of it was removed, so move it again"):
        info = pipeline.run(resources, loader_file_format="parquet")
    shutil.rmtree(working_folder, ignore_errors=True)
    return str(info.loads_ids[0])


def _rows(messages: list[_Numbered]) -> pa.Table:
    """Bronze rows: `file_name` is the segment, `cursor` the platform's own time of the message."""
    rows = [
        {
            "source_id": numbered.source_id,
            "cursor": numbered.message.sent_at,
            "payload": numbered.message.payload,
            "read_error": numbered.message.read_error,
            "file_name": numbered.segment,
            "file_sha256": None,
            "record_number": numbered.number,
            "received_at": datetime.fromisoformat(numbered.message.received_at),
            "account": numbered.message.account,
            "topic": numbered.message.topic,
            "dedupe_key": numbered.message.dedupe_key,
        }
        for numbered in messages
    ]
    return pa.Table.from_pylist(rows, schema=_PUSHES_SCHEMA)
