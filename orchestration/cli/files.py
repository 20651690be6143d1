"""What commands that write files for other people share."""

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from connectors.errors import InputError


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write these columns of the rows as CSV with a heading, also when there are no rows.

    Raises:
        InputError: the file can't be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: row[name] for name in columns} for row in rows)
    except OSError as error:
        raise InputError(
            f"{path} can't be written ({error.strerror}): choose another file."
        ) from error


def days_of_month(text: str) -> tuple[date, date]:
    """First and last day of a month such as `2026-09`.

    Raises:
        InputError: the month can't be read.
    """
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise InputError(f"{text} is no month: write it like 2026-09.") from error
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first, date.fromordinal(after.toordinal() - 1)
