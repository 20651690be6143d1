"""Keeps the lake small without ever touching a publication inside its retention."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
from sqlalchemy import Engine

from connectors.database.publications import (
    Publication,
    delete_publications,
    list_publications,
)
from connectors.lake.attach import connect_writer, newest_snapshot
from connectors.settings import Settings


@dataclass(frozen=True)
class MaintenanceReport:
    """What the upkeep did."""

    publications_kept: int
    publications_expired: int
    snapshots_expired: int
    files_before: int
    files_after: int


def split_by_retention(
    publications: list[Publication], *, now: datetime, keep_days: int, keep_count: int
) -> tuple[list[Publication], list[Publication]]:
    """(kept, expired): the newest `keep_count` and whatever is younger than `keep_days` stay."""
    ordered = sorted(publications, key=lambda p: p.published_at, reverse=True)
    horizon = now - timedelta(days=keep_days)
    keep_count = max(keep_count, 1)
    kept = [p for i, p in enumerate(ordered) if i < keep_count or p.published_at >= horizon]
    expired = [p for p in ordered if p not in kept]
    return kept, expired


def maintain(settings: Settings, engine: Engine, *, now: datetime) -> MaintenanceReport:
    """Expire what nothing refers to, merge small files, delete files nobody can reach.

    Order matters: the publications' rows go first, so that no listed publication ever points to
    a snapshot that is gone, even if this process dies in between.
    """
    with connect_writer(settings, purpose="maintenance") as connection:
        kept, expired = split_by_retention(
            list_publications(engine, limit=1_000_000),
            now=now,
            keep_days=settings.publication_retention_days,
            keep_count=settings.publication_retention_count,
        )
        delete_publications(engine, [p.publication_id for p in expired])
        before = _file_count(connection)
        protected = {p.snapshot_id for p in kept} | {newest_snapshot(connection)}
        doomed = [
            int(row[0])
            for row in connection.execute(
                "select snapshot_id from ducklake_snapshots('lake')"
            ).fetchall()
            if int(row[0]) not in protected
        ]
        if doomed:
            connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => {doomed})")
        connection.execute("CALL ducklake_merge_adjacent_files('lake')")
        connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        return MaintenanceReport(
            publications_kept=len(kept),
            publications_expired=len(expired),
            snapshots_expired=len(doomed),
            files_before=before,
            files_after=_file_count(connection),
        )


def _file_count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        "select count(*) from __ducklake_metadata_lake.ducklake_data_file "
        "where end_snapshot is null"
    ).fetchone()
    return int(row[0]) if row else 0
