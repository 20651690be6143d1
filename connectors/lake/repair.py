"""Takes back what an interrupted load left in bronze.

dlt lands the tables of one load one after the other and commits the load at the end, by a row in
`bronze._dlt_loads`. Rows whose load never got there are deleted before the next load, so that a
file is in bronze once however its load ended.
"""

import logging
from collections.abc import Collection

import duckdb

from connectors.lake.attach import connect_writer
from connectors.settings import LAKE_NAME, Settings

logger = logging.getLogger(__name__)

_BRONZE = f"{LAKE_NAME}.bronze"


def repair_uncommitted_loads(settings: Settings) -> dict[str, int]:
    """Delete bronze rows of loads that were never committed; rows deleted by table.

    Takes the writer lock, under which nobody can be in the middle of a load. A lake that does not
    exist yet stays so.

    Raises:
        LakeBusyError: the writer lock did not come free in time.
    """
    if not settings.catalog_url and not settings.lake_path.exists():
        return {}
    with connect_writer(settings, purpose="repairing interrupted loads") as connection:
        return delete_uncommitted_rows(connection)


def delete_uncommitted_rows(
    connection: duckdb.DuckDBPyConnection, tables: Collection[str] | None = None
) -> dict[str, int]:
    """As `repair_uncommitted_loads`, on a writer's connection.

    Args:
        connection: whose lake.
        tables: only these, for a load that knows which ones it writes and runs often.
    """
    deleted = {}
    condition = "true"
    if "_dlt_loads" in bronze_tables(connection, with_load_id=False):
        condition = f"""not exists (
            select 1 from {_BRONZE}._dlt_loads as loads
            where loads.load_id = landed._dlt_load_id and loads.status = 0
        )"""  # noqa: S608 - a constant
    for table in bronze_tables(connection, with_load_id=True):
        if table.startswith("_dlt_") or (tables is not None and table not in tables):
            continue
        name = f'{_BRONZE}."{table}"'
        # The name comes from the catalogue.
        uncommitted = f"from {name} as landed where {condition}"
        if connection.execute(f"select 1 {uncommitted} limit 1").fetchone():
            row = connection.execute(f"delete {uncommitted}").fetchone()
            deleted[table] = int(row[0]) if row else 0
            logger.warning("deleted %s rows of an interrupted load from %s", deleted[table], table)
    return deleted


def bronze_tables(connection: duckdb.DuckDBPyConnection, *, with_load_id: bool) -> list[str]:
    """Names of the tables of bronze; only those that say which load a row is of, if asked."""
    rows = connection.execute(
        """
        select distinct table_name
        from duckdb_columns()
        where database_name = ? and schema_name = 'bronze'
            and (not ? or column_name = '_dlt_load_id')
        order by table_name
        """,
        [LAKE_NAME, with_load_id],
    ).fetchall()
    return [str(row[0]) for row in rows]
