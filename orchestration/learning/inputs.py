"""What each step of learning last learnt from: a run on the same inputs keeps what is there.

A fingerprint is of the rows a step reads, of the code that learns, and of DuckDB's version, by
which rows are hashed. It is written in the transaction that writes what was learnt, so the two
cannot part.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd

import models_ml
from orchestration.learning import ml_tables

TABLE = "learning_inputs"


@cache
def code_version() -> str:
    """Hash of everything in `models_ml` and of the columns that are written."""
    package = Path(str(models_ml.__file__)).parent
    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in (Path(str(ml_tables.__file__)), *sorted(package.rglob("*.py"))):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class LastTime:
    """What a step finds of the time before.

    Attributes:
        kept: businesses whose inputs are the same, and when they were learnt from.
        rows: by table, what was learnt of them.
        inputs: `ml.learning_inputs` as it has to be after this run.
        is_current: nothing is to be learnt, and nothing to be forgotten.
    """

    kept: dict[str, datetime]
    rows: dict[str, pd.DataFrame]
    inputs: pd.DataFrame
    is_current: bool

    def notes(self) -> list[str]:
        """A sentence for every business that is kept."""
        return [
            f"{business}: inputs unchanged, kept what was learnt at {at:%Y-%m-%d %H:%M}"
            for business, at in sorted(self.kept.items())
        ]


def last_time(
    connection: duckdb.DuckDBPyConnection,
    step: str,
    tables: Sequence[str],
    *,
    read: str,
    parameters: Mapping[str, Any] | None = None,
    now: datetime,
) -> LastTime:
    """Compare what a step is about to read with what it last learnt from.

    Args:
        connection: the lake as the step sees it.
        step: name of the step.
        tables: what it writes into schema `ml`, each with a column `business`.
        read: select of everything that decides what the step writes, with a column `business`.
        parameters: of that select.
        now: when businesses that are not kept will have been learnt from.
    """
    fingerprints = {
        str(name): f"{code_version()}:{count}:{total}"
        for name, count, total in connection.execute(
            "select business, count(*), sum(hash(read_rows)::hugeint) "  # noqa: S608 (our own)
            f"from ({read}) as read_rows group by business",
            parameters,
        ).fetchall()
    }
    known = _known(connection)
    before = {row.business: row for row in known if row.step == step}
    kept = {
        business: before[business].learnt_at
        for business, fingerprint in fingerprints.items()
        if business in before and before[business].fingerprint == fingerprint
    }
    own = [
        _Input(step, business, fingerprint, kept.get(business, now))
        for business, fingerprint in sorted(fingerprints.items())
    ]
    others = [row for row in known if row.step != step]
    return LastTime(
        kept=kept,
        rows=_rows(connection, tables, sorted(kept)),
        inputs=pd.DataFrame([*others, *own], columns=list(_Input._fields)),
        is_current=bool(kept) and kept.keys() == fingerprints.keys() == before.keys(),
    )


class _Input(NamedTuple):
    step: str
    business: str
    fingerprint: str
    learnt_at: datetime


def _known(connection: duckdb.DuckDBPyConnection) -> list[_Input]:
    try:
        rows = connection.execute(
            "select step, business, fingerprint, learnt_at from lake.ml.learning_inputs"
        ).fetchall()
    except duckdb.CatalogException:
        return []
    return [_Input(*row) for row in rows]


def _rows(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str], businesses: Sequence[str]
) -> dict[str, pd.DataFrame]:
    if not businesses:
        return {table: ml_tables.empty_frame(table) for table in tables}
    select = "select * from lake.ml.{} where list_contains($names, business)"
    return {
        table: connection.execute(select.format(table), {"names": businesses}).df()
        for table in tables
    }
