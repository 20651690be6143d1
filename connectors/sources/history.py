"""When each source was last read and how far, as the lake itself says; changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from connectors.errors import NothingPublishedError
from connectors.lake.attach import connect_snapshot
from connectors.lake.repair import bronze_tables
from connectors.settings import LAKE_NAME, Settings

_BRONZE = f"{LAKE_NAME}.bronze"
_STATES = f"""
    select pipeline_name, created_at, state
    from {_BRONZE}._dlt_pipeline_state
    where _dlt_load_id in (select load_id from {_BRONZE}._dlt_loads where status = 0)
    qualify row_number() over (partition by pipeline_name order by version desc) = 1
"""  # noqa: S608 - constants
_FILES = f"""
    select source, max(received_at)
    from {_BRONZE}.received_files
    where _dlt_load_id in (select load_id from {_BRONZE}._dlt_loads where status = 0)
    group by source
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class History:
    """What the lake knows about one account, or about one mapping of files.

    Attributes:
        loaded_at: when something last landed, UTC.
        cursors: by entity, how far it has been read; none for files.
    """

    loaded_at: datetime
    cursors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Histories:
    """What the lake knows about all sources."""

    accounts: Mapping[str, History] = field(default_factory=dict)
    files: Mapping[str, History] = field(default_factory=dict)

    def of_account(self, source: str, account: str) -> History | None:
        """An account's history; None when it was never read."""
        return self.accounts.get(f"{source}_{account}")


def read_histories(settings: Settings) -> Histories:
    """Look into bronze; an installation without a lake has no history."""
    try:
        connection = connect_snapshot(settings)
    except (NothingPublishedError, duckdb.Error):
        return Histories()
    try:
        tables = bronze_tables(connection, with_load_id=True)
        accounts = _accounts(connection) if "_dlt_pipeline_state" in tables else {}
        files = _files(connection) if "received_files" in tables else {}
    finally:
        connection.close()
    return Histories(accounts, files)


def _accounts(connection: duckdb.DuckDBPyConnection) -> dict[str, History]:
    from dlt.common.versioned_state import decompress_state  # noqa: PLC0415 - takes seconds

    found = {}
    for name, created_at, packed in connection.execute(_STATES).fetchall():
        sources = decompress_state(packed).get("sources", {})
        cursors = {
            entity: str(state["cursor"])
            for source in sources.values()
            for entity, state in source.get("resources", {}).items()
            if state.get("cursor")
        }
        found[str(name)] = History(created_at.astimezone(UTC), cursors)
    return found


def _files(connection: duckdb.DuckDBPyConnection) -> dict[str, History]:
    rows = connection.execute(_FILES).fetchall()
    return {str(source): History(at.astimezone(UTC)) for source, at in rows}
