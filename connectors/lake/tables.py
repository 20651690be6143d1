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
