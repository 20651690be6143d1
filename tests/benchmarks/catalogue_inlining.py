"""A lake whose catalogue keeps small inserts in itself against one that does not.

Both are made side by side: 100 tables of 500 rows. Then a count, a join of four tables and a table
filled anew, as every model of a run is. The figures are those of docs/adr/0006.
"""

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from connectors.lake.attach import attach_for_writing, attach_statement, prepare_connection
from connectors.lake.extensions import CONNECTION_CONFIG
from connectors.settings import load_settings

TABLES = 100
REPEATS = 15
_STATEMENTS = {
    "count": ("select count(*) from lake.main.t5",),
    "join_of_four": (
        "select count(*) from lake.main.t1 join lake.main.t2 using (a) "
        "join lake.main.t3 using (a) join lake.main.t4 using (a)",
    ),
    "refill": (
        "begin",
        "truncate lake.main.t6",
        "insert into lake.main.t6 select i, 'x' || i, i * 2 from range(500) as r(i)",
        "commit",
    ),
}


def run() -> dict[str, Any]:
    """Median milliseconds of each statement with both kinds, and how often the one is the other."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        lakes = {kind: _lake(Path(folder) / kind, kind) for kind in ("inlining", "files_only")}
        for kind in lakes:
            figures[f"tables_in_{kind}_catalogue"] = _tables(Path(folder) / kind / "lake.sqlite")
        for name, statements in _STATEMENTS.items():
            seconds: dict[str, list[float]] = {kind: [] for kind in lakes}
            for _ in range(REPEATS):
                for kind, connection in lakes.items():
                    started = time.perf_counter()
                    for statement in statements:
                        connection.execute(statement).fetchall()
                    seconds[kind].append(time.perf_counter() - started)
            medians = {kind: statistics.median(values) for kind, values in seconds.items()}
            for kind, median in medians.items():
                figures[f"{name}_{kind}_ms"] = round(median * 1000, 1)
            figures[f"{name}_ratio"] = round(medians["inlining"] / medians["files_only"], 2)
        for connection in lakes.values():
            connection.close()
    return figures


def _lake(home: Path, kind: str) -> duckdb.DuckDBPyConnection:
    settings = load_settings(home=home)
    connection = duckdb.connect(config=dict(CONNECTION_CONFIG))
    if kind == "files_only":
        attach_for_writing(connection, settings)
    else:
        settings.data_path.mkdir(parents=True)
        prepare_connection(connection, settings)
        connection.execute(attach_statement(settings))
    for number in range(TABLES):
        connection.execute(
            f"create table lake.main.t{number} as "
            "select i as a, 'x' || i as b, i * 2 as c from range(500) as r(i)"
        )
    return connection


def _tables(catalogue: Path) -> int:
    with sqlite3.connect(catalogue) as connection:
        row = connection.execute("select count(*) from sqlite_master where type = 'table'")
        return int(row.fetchone()[0])
