"""Moves the published pointer: only to a snapshot that the checks have seen, and in one step.

dbt's on-run-end hook writes a row into `reference.build_log` (run, snapshot, failures) while it
still holds the writer lock. Publishing takes the lock again and proves from the catalogue that
nothing has touched the tested schemas since; then the pointer moves by one insert.
"""

import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Engine

from connectors.database.publications import Publication, find_publication, record_publication
from connectors.errors import ContractError
from connectors.lake.attach import catalogue_schema, connect_writer, newest_snapshot
from connectors.settings import PROJECT_ROOT, Settings
from orchestration.dbt_build import keep_published_project, manifest_hash

TESTED_SCHEMAS = ("staging", "intermediate", "marts", "reports", "reference")
_BUILD_LOG = "lake.reference.build_log"
_COUNTED = ("fct_orders", "fct_order_lines", "dim_customers", "quarantined_records")


class SupersededError(ContractError):
    """The lake changed after this run tested it; the run that changed it will publish."""


@dataclass(frozen=True)
class TestedBuild:
    """One row of `reference.build_log`."""

    run_id: str
    snapshot_id: int
    failed_count: int


def newest_build(connection: duckdb.DuckDBPyConnection) -> TestedBuild | None:
    """The build that last wrote the tested schemas; None before the first."""
    try:
        row = connection.execute(
            f"select run_id, snapshot_id, failed_count from {_BUILD_LOG} "  # noqa: S608
            "order by snapshot_id desc, finished_at desc limit 1"
        ).fetchone()
    except duckdb.CatalogException:
        return None
    return TestedBuild(str(row[0]), int(row[1]), int(row[2])) if row else None


def tables_touched_since(connection: duckdb.DuckDBPyConnection, snapshot_id: int) -> list[str]:
    """Tables in the tested schemas that any later snapshot created, dropped or wrote."""
    rows = connection.execute(
        "select changes from ducklake_snapshots('lake') where snapshot_id > ?",
        [snapshot_id],
    ).fetchall()
    ids: set[str] = set()
    names: set[str] = set()
    for (changes,) in rows:
        for kind, values in (changes or {}).items():
            if kind.startswith(("compacted", "merge_adjacent", "rewrite")):
                continue
            for value in values:
                (ids if str(value).isdigit() else names).add(str(value))
    if ids:
        catalogue = catalogue_schema(connection)
        names |= {
            f"{schema}.{table}"
            for schema, table in connection.execute(
                f"select s.schema_name, t.table_name from {catalogue}.ducklake_table t "  # noqa: S608
                f"join {catalogue}.ducklake_schema s using (schema_id) "
                "where list_contains($ids, t.table_id::varchar)",
                {"ids": sorted(ids)},
            ).fetchall()
        }
    touched = {name.replace('"', "") for name in names}
    return sorted(
        name
        for name in touched
        if name.split(".")[0] in TESTED_SCHEMAS and name != "reference.build_log"
    )


def git_commit(root: Path = PROJECT_ROOT) -> str:
    """Commit of the running code, with `+` when files differ from it; empty outside git."""
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        is_dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if is_dirty else "")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 (fixed arguments)
        ["git", *arguments],  # noqa: S607 (git is where the person's path says)
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout.strip()


def publish(
    settings: Settings,
    engine: Engine,
    *,
    run_id: str,
    checks: dict[str, Any],
    now: datetime,
) -> Publication:
    """Prove that this run's tested state is still what stands in the lake, then publish it.

    Raises:
        SupersededError: another build has changed the tested schemas since.
        ContractError: this run's build failed or left no trace.
    """
    with connect_writer(settings, purpose=f"publish (run {run_id[:8]})") as connection:
        build = newest_build(connection)
        if build is None:
            raise ContractError(
                "No dbt build has finished in this lake; run `fourflow run` to build and test it."
            )
        if build.run_id != run_id:
            raise SupersededError(
                f"Run {build.run_id[:8]} has rebuilt the lake after this run tested it; "
                "it publishes its own state, nothing is lost."
            )
        if build.failed_count:
            raise ContractError(
                f"{build.failed_count} blocking checks failed; see `fourflow status`."
            )
        touched = tables_touched_since(connection, build.snapshot_id)
        if touched:
            raise SupersededError(
                f"The lake changed after it was tested ({', '.join(touched[:5])}); run again."
            )
        snapshot = newest_snapshot(connection)
        counts = {name: _count(connection, name) for name in _COUNTED}
        published = find_publication(engine, None)
        if published and published.run_id == run_id:
            return published
        publication = record_publication(
            engine,
            run_id=run_id,
            snapshot_id=snapshot,
            git_commit=git_commit(),
            manifest_hash=manifest_hash(settings),
            checks=checks,
            row_counts=counts,
            now=now,
        )
        keep_published_project(settings)
        return publication


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
    return int(row[0]) if row else 0
