"""Day files beside those of the shop's own entities: which rows, and how they are written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sandbox.records import Records
from connectors.sandbox.world import WorldConfig


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


def csv_name(date: str) -> str:
    """The file of a day as the shop's own entities have it."""
    return f"{date}.csv"


Figures = dict[str, Any]
"""Figures of truth by name."""
