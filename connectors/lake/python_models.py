"""What Python models of dbt need: writing as `table_in_place` does, leaving alone what stands.

A model that takes long describes its table by the content that it was made of; when the content is
the same the next time, it returns None and the table stays as it is.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from duckdb import DuckDBPyConnection, DuckDBPyRelation

_RETURNED = "rows_of_python_model"
_COMMENT = b"comment"


def content_of(rows: DuckDBPyRelation, *versions: str) -> str:
    """A text that changes when a row does or a version of what is made of them; rows are unique."""
    counted = rows.query("_rows", "SELECT count(*), bit_xor(hash(_rows)) FROM _rows").fetchone()
    return "content " + hashlib.md5(repr((counted, versions)).encode()).hexdigest()  # noqa: S324


def described_before(connection: DuckDBPyConnection, relation: Any) -> str | None:
    """How the model's table was described when it was last written; None if it is not there."""
    found = connection.execute(
        "SELECT comment FROM memory.main.lake_comments() WHERE schema_name = ? AND table_name = ?",
        [relation.schema, relation.identifier],
    ).fetchone()
    return str(found[0]) if found and found[0] is not None else None


def described(rows: pa.Table, content: str) -> pa.Table:
    """The rows with the description that `refill` gives to their table."""
    return rows.replace_schema_metadata({_COMMENT: content.encode()})


def table_of(frame: pd.DataFrame, types: Mapping[str, str]) -> pa.Table:
    """These columns of a frame with these Arrow types, also when it has no rows."""
    return pa.table(
        {
            name: pa.array(frame[name], pa.type_for_alias(alias), from_pandas=True)
            for name, alias in types.items()
        }
    )


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
        described_rows = connection.execute(f"DESCRIBE {_RETURNED}").fetchall()
        wanted = [(row[0], row[1]) for row in described_rows]
        if sorted(present) == sorted(wanted):
            connection.execute(f"TRUNCATE {target}")
            connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {_RETURNED}")  # noqa: S608
        else:
            connection.execute(f"DROP TABLE IF EXISTS {target}")
            connection.execute(f"CREATE TABLE {target} AS SELECT * FROM {_RETURNED}")  # noqa: S608
        comment = (rows.schema.metadata or {}).get(_COMMENT)
        if comment:
            connection.execute(f"COMMENT ON TABLE {target} IS '{comment.decode()}'")
    finally:
        connection.unregister(_RETURNED)
