"""What stands in the lake, asked without counting it.

`duckdb_tables()` and `information_schema.tables` tell an estimate of each table's rows, for which
DuckLake asks its catalogue once a table whenever a snapshot is new: 2 s for 280 tables. Columns,
views and comments are in the catalogue as they are: 0.05 s.
"""

from connectors.settings import LAKE_NAME

RELATIONS = f"""
    select distinct
        held.database_name,
        held.schema_name,
        held.table_name,
        case when seen.view_name is null then 'table' else 'view' end as relation_type
    from duckdb_columns() as held
    left join duckdb_views() as seen
        on
            held.database_name = seen.database_name
            and held.schema_name = seen.schema_name
            and held.table_name = seen.view_name
    where held.database_name = '{LAKE_NAME}'
"""  # noqa: S608
"""Tables and views of the lake: database_name, schema_name, table_name, relation_type."""

TABLES = f"select schema_name, table_name from ({RELATIONS}) where relation_type = 'table'"  # noqa: S608
"""Tables of the lake: schema_name, table_name."""


def comments_query(catalogue: str) -> str:
    """Comments on the tables and views of the newest snapshot: schema_name, table_name, comment.

    Args:
        catalogue: where DuckLake's own tables are (`connectors.lake.attach.catalogue_schema`).
    """
    return " union all ".join(
        f"""
        select holding.schema_name, held.{kind}_name as table_name, tags.value as comment
        from {catalogue}.ducklake_{kind} as held
        inner join {catalogue}.ducklake_schema as holding
            on held.schema_id = holding.schema_id and holding.end_snapshot is null
        inner join {catalogue}.ducklake_tag as tags
            on
                held.{kind}_id = tags.object_id
                and tags.end_snapshot is null
                and tags.key = 'comment'
        where held.end_snapshot is null
        """  # noqa: S608
        for kind in ("table", "view")
    )


def contents_query(catalogue: str) -> str:
    """What identifies the content of each table and view now: schema_name, table_name, content.

    A table's rows are numbered as they are inserted, never twice, and an update inserts: the id of
    the table, the next number and the count of rows that are left change with every change of its
    rows, but not when files are merged. A view has another id when it is created again.

    Args:
        catalogue: where DuckLake's own tables are (`connectors.lake.attach.catalogue_schema`).
    """
    return f"""
        with live as (
            select data_file_id, table_id, record_count
            from {catalogue}.ducklake_data_file
            where end_snapshot is null
        ),

        rows_left as (
            select
                live.table_id,
                sum(live.record_count - coalesce(deleted.delete_count, 0)) as row_count
            from live
            left join {catalogue}.ducklake_delete_file as deleted
                on live.data_file_id = deleted.data_file_id and deleted.end_snapshot is null
            group by live.table_id
        )

        select
            holding.schema_name,
            held.table_name,
            concat_ws(' ', held.table_id, stats.next_row_id, rows_left.row_count) as content
        from {catalogue}.ducklake_table as held
        inner join {catalogue}.ducklake_schema as holding
            on held.schema_id = holding.schema_id and holding.end_snapshot is null
        left join {catalogue}.ducklake_table_stats as stats on held.table_id = stats.table_id
        left join rows_left on held.table_id = rows_left.table_id
        where held.end_snapshot is null
        union all
        select holding.schema_name, held.view_name, concat_ws(' ', 'view', held.view_id)
        from {catalogue}.ducklake_view as held
        inner join {catalogue}.ducklake_schema as holding
            on held.schema_id = holding.schema_id and holding.end_snapshot is null
        where held.end_snapshot is null
    """  # noqa: S608
