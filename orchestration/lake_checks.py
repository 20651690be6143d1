"""Blocking checks that are counted in plain SQL beside dbt, so that dbt's own mistake shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from connectors.settings import LAKE_NAME

_ENTITY_TABLES = (
    "select table_name from duckdb_tables() "
    "where database_name = 'lake' and schema_name = 'bronze' "
    r"and table_name not like '\_dlt%' escape '\' and table_name <> 'received_files'"
)


@dataclass(frozen=True)
class CheckOutcome:
    """What one check found; no problems means that it passed."""

    name: str
    problems: list[str]
    figures: dict[str, Any] = field(default_factory=dict)


LakeCheck = Callable[[duckdb.DuckDBPyConnection], CheckOutcome]


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() "
            "where database_name = ? and schema_name = ? and table_name = ?",
            [LAKE_NAME, schema, table],
        ).fetchone()
    )


def bronze_is_accounted_for(connection: duckdb.DuckDBPyConnection) -> CheckOutcome:
    """Committed bronze rows = received, and received = used + duplicates + quarantined."""
    problems: list[str] = []
    tables = [row[0] for row in connection.execute(_ENTITY_TABLES).fetchall()]
    in_bronze = sum(
        _number(
            connection,
            f"select count(*) from lake.bronze.{table} "  # noqa: S608
            "where _dlt_load_id in (select load_id from lake.bronze._dlt_loads)",
        )
        for table in tables
    )
    received = _number(connection, "select sum(received) from rpt_conservation")
    if in_bronze != received:
        problems.append(
            f"bronze holds {in_bronze:,} committed records but rpt_conservation accounts for "
            f"{received:,}; a staging model has lost or doubled some."
        )
    for source, entity, load_id, gap in connection.execute(
        "select source, entity, load_id, received - used - duplicates - quarantined as gap "
        "from rpt_conservation where gap <> 0 order by abs(gap) desc limit 5"
    ).fetchall():
        problems.append(
            f"{source}/{entity} load {load_id}: {gap:,} received records are neither used, "
            "duplicate nor quarantined."
        )
    listed = _number(connection, "select count(*) from quarantined_records")
    counted = _number(connection, "select sum(quarantined) from rpt_conservation")
    if listed != counted:
        problems.append(
            f"quarantined_records lists {listed:,} records but {counted:,} are counted."
        )
    return CheckOutcome(
        "bronze_rows_are_accounted_for", problems, {"in_bronze": in_bronze, "received": received}
    )


def learned_tables_are_sane(connection: duckdb.DuckDBPyConnection) -> CheckOutcome:
    """Forecasts, scores and suggestions lie where such figures can lie."""
    rules = {
        "demand_forecasts": (
            "not isfinite(expected_quantity) or expected_quantity < 0 "
            "or lower_quantity > upper_quantity or lower_quantity < 0"
        ),
        "return_risk_scores": "not isfinite(risk_score) or risk_score not between 0 and 1",
        "replenishment_positions": "suggested_quantity < 0 or not isfinite(reorder_point)",
    }
    problems = []
    figures = {}
    for table, wrong in rules.items():
        if not _exists(connection, "ml", table):
            continue
        figures[table] = _number(connection, f"select count(*) from {table}")  # noqa: S608
        count = _number(connection, f"select count(*) from {table} where {wrong}")  # noqa: S608
        if count:
            problems.append(f"{count:,} rows of {table} are impossible ({wrong}).")
    return CheckOutcome("learned_figures_are_sane", problems, figures)
