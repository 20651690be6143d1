"""An installation of Fourflow under test: its own home, driven through the real command."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from connectors.lake.reader import open_published
from connectors.lake.tables import TABLES
from connectors.settings import Settings, load_settings
from tests import warm_commands
from tests.warm_commands import WarmCommand

COMMAND = str(Path(sys.executable).with_name("fourflow"))
# When and by which load a record came is not part of what it says; `row_hash` is of these, too.
CLOCKS = (
    "known_at", "received_at", "last_received_at", "load_id", "load_count", "source_id",
    "file_name", "file_count", "record_number", "first_seen_at", "first_known_at", "known_until",
    "seconds_to_known", "row_hash", "known_seconds_p50", "known_seconds_p95",
    "visible_seconds_p50", "visible_seconds_p95",
)  # fmt: skip


@dataclass
class Installation:
    """One home and the environment that its commands run in."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings its commands see."""
        values = {
            name.removeprefix("FOURFLOW_").lower(): value
            for name, value in self.environment.items()
            if name.startswith("FOURFLOW_")
        }
        file = self.home / "fourflow.yml"
        values.setdefault("config", str(file) if file.exists() else "none")
        return load_settings(home=self.home, **values)

    def variables(self) -> dict[str, str]:
        """Environment of a command: this machine's without its own Fourflow settings.

        Commands work in the folder that home is in, so that no `fourflow.yml` of this machine is
        found before the one in home.
        """
        shared = "FOURFLOW_DBT_PARSE_CACHE"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FOURFLOW_") or k == shared}
        ours = {"FOURFLOW_HOME": str(self.home), "FOURFLOW_THREADS": "1", "COLUMNS": "160"}
        return {**kept, **ours, **self.environment}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the installed command and return at once."""
        return subprocess.Popen(
            [COMMAND, *arguments], env=self.variables(), cwd=self.home.parent, text=True, **options
        )

    def start_warm(self, *arguments: str, stdout: int, stderr: int) -> WarmCommand:
        """Start a command whose libraries are imported already (tests/warm_commands.py)."""
        command, folder = ["fourflow", *arguments], self.home.parent
        return warm_commands.start(command, self.variables(), folder, stdout=stdout, stderr=stderr)

    def run(self, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; checks the exit code unless `expect` is None."""
        result = warm_commands.run(["fourflow", *arguments], self.variables(), self.home.parent)
        if expect is not None:
            assert result.returncode == expect, f"{arguments}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *arguments: str, expect: int | None = 0) -> Any:
        """Run a command with `--json` and read what it prints."""
        return json.loads(self.run(*arguments, "--json", expect=expect).stdout)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query on the published snapshot, in process."""
        with open_published(self.settings) as lake:
            return lake.rows(sql)

    def tuples(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query as tuples, for oracles that do not care for names."""
        with open_published(self.settings) as lake, lake.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """The single value that a query returns."""
        (row,) = self.query(sql)
        (value,) = row.values()
        return value

    def tables(self, schemas: Sequence[str] = ("marts", "reports")) -> list[str]:
        """Published tables of these schemas."""
        rows = self.query(
            f"select table_name from ({TABLES}) where schema_name in {tuple(schemas)!r} order by 1"
        )
        return [row["table_name"] for row in rows]

    def fingerprints(self, tables: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Rows and an order-independent hash of each of these published tables, without clocks."""
        with open_published(self.settings) as lake, lake.cursor() as cursor:
            return fingerprints(cursor, tables)


def _saying(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of a table that say something, all but the clocks, as a list in SQL."""
    columns = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
    return ", ".join(f'"{name}"' for name in sorted(columns) if name not in CLOCKS)


def fingerprints(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Rows and an order-independent hash of each of these tables of a lake, without clocks."""
    found = {}
    for table in tables:
        row = connection.execute(
            "select count(*), coalesce(sum(hash(r)::hugeint), 0) "
            f"from (select row({_saying(connection, table)}) as r from {table})"
        ).fetchone()
        found[table] = row or (0, 0)
    return found


def differing_rows(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection, table: str
) -> list[Any]:
    """Rows of a table that only one of two lakes has, for the message of a failed test.

    Where they have different columns, the columns of both.
    """
    columns = [_saying(lake, table) for lake in (first, second)]
    if columns[0] != columns[1]:
        return columns
    frames = [lake.execute(f"select {columns[0]} from {table}").df() for lake in (first, second)]
    connection = duckdb.connect()
    connection.register("a", frames[0])
    connection.register("b", frames[1])
    only = "(select 'first' as only_in, * from (from a except all from b))"
    other = "(select 'second' as only_in, * from (from b except all from a))"
    return connection.execute(f"from {only} union all from {other} limit 10").fetchall()
