"""Day files beside those of the shop's own entities: which rows, and how they are written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from connectors.sandbox.files.records import Records
from connectors.sandbox.files.rendering import csv_bytes
from connectors.sandbox.world import WorldConfig


def csv_name(date: str) -> str:
    """The file of a day as the shop's own entities have it."""
    return f"{date}.csv"


@dataclass(frozen=True)
class DayFiles:
    """The files of one entity of one source, at most one a day.

    Attributes:
        source: the source whose mapping reads them.
        entity: its entity.
        folder: below the sandbox's folder.
        records: which row of the table of truth stands in which day's file.
        file_name: of a day, given its date as text.
        encode: the bytes of the rows of one file.
    """

    source: str
    entity: str
    folder: str
    records: Records
    file_name: Callable[[str], str]
    encode: Callable[[Records], bytes]


def csv_files(
    source: str,
    records: Records,
    table: Callable[[Records], pa.Table],
    file_name: Callable[[str], str] = csv_name,
) -> DayFiles:
    """CSV files of an entity, in the folder of its name.

    Args:
        source: the source whose mapping reads them.
        records: the rows of the entity.
        table: renders some of them.
        file_name: of a day.
    """
    return DayFiles(
        source=source,
        entity=records.entity,
        folder=records.entity,
        records=records,
        file_name=file_name,
        encode=lambda rows: csv_bytes(table(rows)),
    )


def write_day_files(files: DayFiles, folder: Path, config: WorldConfig) -> tuple[int, int]:
    """Write them; a day without rows has no file. Returns how many files and bytes there are.

    Raises:
        OSError: the folder can't be written.
    """
    count = size = 0
    for day in range(config.days):
        rows = files.records.of_day(day)
        if len(rows):
            data = files.encode(rows)
            name = files.file_name(str(config.date_of(day)))
            (folder / files.folder / name).write_bytes(data)
            count, size = count + 1, size + len(data)
    return count, size
