"""A published home with many times the orders: how fast pages are where a retailer is large.

Building a world of nine million orders takes days on two cores; what a page reads does not know how
it was built. So every table that a page or a metric reads and that has a row an order, a person, a
parcel or an event of theirs gets many copies of each row, under keys of their own, in order of time
as daily runs would have written them. Tables of days, sites and products stay as they are: more
orders a day make their figures larger, not their rows more.
"""

import re
from functools import cache

import duckdb

from connectors.lake.attach import connect_writer
from connectors.settings import PROJECT_ROOT, Settings
from tests.unit.app_streamlit.published_fixture import publish

# Not the copy's own: they name a place in the order or something that many orders share.
_SHARED = ("line_no",)
_FEW_ROWS = 300


def enlarge(settings: Settings, times: int) -> dict[str, int]:
    """Copy each row of the tables that grow with orders, and publish.

    Args:
        settings: of a published home, which is changed.
        times: how many of each row there are afterwards.

    Returns:
        Rows by table.
    """
    rows: dict[str, int] = {}
    with connect_writer(settings, purpose="benchmark") as connection:
        for table, columns in _growing(connection).items():
            keys = [name for name in columns if _is_key(name)]
            own = ", ".join(
                f"case when copy = 0 then {key} else {key} || '~' || copy end as {key}"
                for key in keys
            )
            moment = next((n for n, kind in columns.items() if kind.startswith("TIMESTAMP")), None)
            order = f"order by date_trunc('day', {moment})" if moment else ""
            connection.execute(
                f"create or replace table lake.{table} as "
                f"select original.* replace ({own}) from lake.{table} as original, "
                f"range({times}) as copies (copy) {order}"
            )
            rows[table] = _count(connection, table)
    publish(settings, run_id=f"enlarged-{times}")
    return rows


def _growing(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Columns with their types of each table that is read by pages and has keys of orders."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        """
        select schema_name || '.' || table_name, column_name, data_type
        from duckdb_columns()
        inner join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = 'lake' and schema_name in ('marts', 'reports', 'ml')
        order by schema_name, table_name, column_index
        """
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return {
        table: columns
        for table, columns in found.items()
        if table.partition(".")[2] in _read()
        and any(_is_key(name) for name in columns)
        and _count(connection, table) > _FEW_ROWS
    }


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"select count(*) from lake.{table}").fetchall()
    return int(found[0][0])


def _is_key(column: str) -> bool:
    return column not in _SHARED and bool(
        re.search(r"(order|customer|person|parcel|payment|refund|visit|inquiry|flow|item|exception"
                  r"|event|stage|version|entry|recorded|reported)_key(_a|_b)?$|(order|parcel"
                  r"|tracking|settlement|payment|inquiry)_no$", column)
    )  # fmt: skip


@cache
def _read() -> frozenset[str]:
    """Every word of the dashboards, the queues behind them and the semantic models."""
    places = [
        *(PROJECT_ROOT / "app_streamlit").rglob("*.py"),
        *(PROJECT_ROOT / "orchestration").rglob("*.py"),
        *(PROJECT_ROOT / "dbt_project").rglob("*semantic*.yml"),
    ]
    return frozenset(
        word for place in places for word in re.findall(r"\w+", place.read_text(encoding="utf-8"))
    )
