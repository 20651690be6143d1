"""Carriers and scan codes, as the seeds of the dbt project list them.

`carriers`, `carrier_names` and `carrier_scan_codes` are read here and by dbt, so that a name or a
code that an analyst adds there counts everywhere.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from connectors.errors import InputError
from connectors.settings import Settings

CARRIER_KEY = r"regexp_replace(lower({name}), '[\s()（）]', '', 'g')"
"""SQL: how a name is written in the seed `carrier_names`; the macro `carrier_key` does the same."""


def carrier_names(settings: Settings) -> pa.Table:
    """Columns `name` (as `CARRIER_KEY` writes it) and `carrier` (our code)."""
    return _table(settings, "carrier_names", ("name", "carrier"))


def ending_codes(settings: Settings) -> pa.Table:
    """Scan codes after which nothing more is to come: columns `source` and `code`."""
    rows = [row for row in _rows(settings, "carrier_scan_codes") if row["ends_parcel"] == "true"]
    return pa.table({name: [row[name] for row in rows] for name in ("source", "code")})


def kuaidi100_codes(settings: Settings) -> dict[str, str]:
    """Our code of a carrier -> the code that Kuaidi100 has for it."""
    return {
        row["carrier"]: row["kuaidi100_code"]
        for row in _rows(settings, "carriers")
        if row["kuaidi100_code"]
    }


def _table(settings: Settings, seed: str, columns: tuple[str, ...]) -> pa.Table:
    rows = list(_rows(settings, seed))
    return pa.table({name: [row[name] for row in rows] for name in columns})


def _rows(settings: Settings, seed: str) -> Iterator[dict[str, str]]:
    path: Path = settings.dbt_project_path / "seeds" / f"{seed}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing, which carriers are known by; take it from Fourflow's own dbt "
            "project into yours."
        ) from error
