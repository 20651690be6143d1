"""Writes what a Python model of dbt returned, as `table_in_place` does for a model in SQL."""

import pyarrow as pa
from duckdb import DuckDBPyConnection

_RETURNED = "rows_of_python_model"


def refill(
    connection: DuckDBPyConnection, database: str, schema: str, table: str, rows: pa.Table | None
) -> None:
    """Replace a table's rows in place; a table with other columns is created anew.

    Args:
        connection: dbt's, in whose transaction this happens.
        database: catalogue of the table.
        schema: schema of the table; exists.
        table: name of the table.
        rows: what the model returned; None leaves the table as it is.
    """
    if rows is None:
        return
    target = ".".join(f'"{part}"' for part in (database, schema, table))
    connection.register(_RETURNED, rows)
    try:
        present = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = ? AND schema_name = ? AND table_name = ?",
            [database, schema, table],
        ).fetchall()
        described = connection.execute(f"DESCRIBE {_RETURNED}").fetchall()
        wanted = [(row[0], row[1]) for row in described]
        if sorted(present) == sorted(wanted):
            connection.execute(f"TRUNCATE {target}")
            connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {_RETURNED}")  # noqa: S608
        else:
            connection.execute(f"DROP TABLE IF EXISTS {target}")
            connection.execute(f"CREATE TABLE {target} AS SELECT * FROM {_RETURNED}")  # noqa: S608
    finally:
        connection.unregister(_RETURNED)
