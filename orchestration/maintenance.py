"""Keeps the lake small without ever touching a publication inside its retention."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import Engine

from connectors.database.publications import (
    Publication,
    delete_publications,
    list_publications,
)
from connectors.lake.attach import catalogue_schema, connect_writer, newest_snapshot
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
    publications: list[Publication],
    *,
    now: datetime,
    keep_days: int,
    keep_count: int,
    time_zone: str = "UTC",
) -> tuple[list[Publication], list[Publication]]:
    """(kept, expired): the newest `keep_count`, and the last one of each day for `keep_days`.

    Thinning matters: DuckLake reads its catalogue for every query, and its size grows with every
    snapshot that is kept (docs/adr/0006).
    """
    ordered = sorted(publications, key=lambda p: p.published_at, reverse=True)
    horizon = now - timedelta(days=keep_days)
    zone = ZoneInfo(time_zone)
    kept: list[Publication] = []
    seen_days = set()
    for place, publication in enumerate(ordered):
        day = publication.published_at.astimezone(zone).date()
        last_of_day = day not in seen_days and publication.published_at >= horizon
        seen_days.add(day)
        if place < max(keep_count, 1) or last_of_day:
            kept.append(publication)
    kept_ids = {p.publication_id for p in kept}
    return kept, [p for p in ordered if p.publication_id not in kept_ids]


def maintain(
    settings: Settings, engine: Engine, *, now: datetime, compact: bool = True
) -> MaintenanceReport:
    """Expire what nothing refers to, merge small files, delete files nobody can reach.

    Order matters: the publications' rows go first, so that no listed publication ever points to
    a snapshot that is gone, even if this process dies in between. Files are deleted an hour after
    they became unreachable: someone may just be reading the newest state.

    Args:
        settings: which lake.
        engine: the operational database.
        now: the present moment.
        compact: also merge small files; runs leave that to the scheduled upkeep.
    """
    with connect_writer(settings, purpose="maintenance") as connection:
        kept, expired = split_by_retention(
            list_publications(engine, limit=1_000_000),
            now=now,
            keep_days=settings.publication_retention_days,
            keep_count=settings.publication_retention_count,
            time_zone=settings.business_time_zone,
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
        if compact:
            connection.execute("CALL ducklake_merge_adjacent_files('lake')")
        connection.execute(
            "CALL ducklake_cleanup_old_files('lake', older_than => now() - interval 1 hour)"
        )
        return MaintenanceReport(
            publications_kept=len(kept),
            publications_expired=len(expired),
            snapshots_expired=len(doomed),
            files_before=before,
            files_after=_file_count(connection),
        )


def _file_count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        f"select count(*) from {catalogue_schema(connection)}.ducklake_data_file "  # noqa: S608
        "where end_snapshot is null"
    ).fetchone()
    return int(row[0]) if row else 0
