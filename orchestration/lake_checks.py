"""Blocking checks that are counted in plain SQL beside dbt, so that dbt's own mistake shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from connectors.lake.tables import TABLES
from connectors.sources.mapping import DeclaredEntity, DeclaredSource

_ENTITY_TABLES = (
    f"select table_name from ({TABLES}) where schema_name = 'bronze' "  # noqa: S608
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
            f"select 1 from ({TABLES}) where schema_name = ? and table_name = ?",  # noqa: S608
            [schema, table],
        ).fetchone()
    )


def bronze_is_accounted_for(
    connection: duckdb.DuckDBPyConnection, sources: Iterable[DeclaredSource]
) -> CheckOutcome:
    """Committed bronze records = received, and received = used + duplicates + quarantined.

    Counts every entity that a source declares from bronze itself: rows of its table, or elements of
    its array in the rows of another entity. Bronze tables that no source declares (pushes that
    nothing stages) are told as a figure: they are kept, and no figure is made of them.
    """
    problems: list[str] = []
    tables = {str(row[0]) for row in connection.execute(_ENTITY_TABLES).fetchall()}
    counted_by_dbt = {
        (source, entity): int(count)
        for source, entity, count in connection.execute(
            "select source, entity, sum(received) from rpt_conservation group by all"
        ).fetchall()
    }
    in_bronze = received = 0
    for source in sources:
        for entity in source.entities:
            if entity.table not in tables:
                continue
            held = _held_in_bronze(connection, entity)
            counted = counted_by_dbt.get((source.name, entity.name), 0)
            in_bronze, received = in_bronze + held, received + counted
            if held != counted:
                problems.append(
                    f"bronze holds {held:,} committed records of {source.name}/{entity.name} but "
                    f"rpt_conservation accounts for {counted:,}; a staging model has lost or "
                    "doubled some."
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
    declared = {entity.table for source in sources for entity in source.entities}
    figures = {
        "in_bronze": in_bronze,
        "received": received,
        "tables_that_no_source_declares": sorted(tables - declared),
    }
    return CheckOutcome("bronze_rows_are_accounted_for", problems, figures)


def _held_in_bronze(connection: duckdb.DuckDBPyConnection, entity: DeclaredEntity) -> int:
    count = "count(*)"
    if entity.mapping.records_in:
        path = entity.mapping.records_in.replace("'", "''")
        count = f"sum(case when read_error is null then json_array_length(payload, '{path}') end)"
    return _number(
        connection,
        f"select {count} from lake.bronze.{entity.table} "  # noqa: S608 - names from our YAML
        "where _dlt_load_id in (select load_id from lake.bronze._dlt_loads where status = 0)",
    )


def learned_tables_are_sane(connection: duckdb.DuckDBPyConnection) -> CheckOutcome:
    """Forecasts, scores and suggestions lie where such figures can lie."""
    rules = {
        "demand_forecasts": (
            "not isfinite(expected_quantity) or expected_quantity < 0 "
            "or lower_quantity > upper_quantity or lower_quantity < 0"
        ),
        "customer_values": (
            "not isfinite(expected_purchases) or expected_purchases < 0 or expected_value < 0 "
            "or probability_alive not between 0 and 1 or purchase_probability not between 0 and 1"
        ),
        "return_risk_scores": "not isfinite(risk_score) or risk_score not between 0 and 1",
        "order_risk_scores": "not isfinite(risk_score) or risk_score not between 0 and 1",
        "replenishment_positions": (
            "suggested_quantity < 0 or not isfinite(reorder_point) "
            "or suggested_quantity % pack_size <> 0"
        ),
        "replenishment_transfers": "quantity < 1 or from_site = to_site",
        "work_orders": "quantity < 1 or finishes_on < starts_on or starts_on < business_date",
        "component_requirements": "required_quantity < 1 or available_on < needed_on",
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


def promises_are_kept(
    connection: duckdb.DuckDBPyConnection, *, in_the_books: Sequence[str]
) -> CheckOutcome:
    """Open lines are allocated to the unit, and the books of stock add up.

    Args:
        connection: the lake.
        in_the_books: what the operational books of stock do not explain, a sentence each.
    """
    name, problems = "allocated_stock_is_there", list(in_the_books)
    if not _exists(connection, "marts", "fct_order_line_checks"):
        return CheckOutcome(name, problems, {})
    differing = _number(
        connection,
        """
        select count(*)
        from (
            select order_key, line_no, sum(quantity) as quantity
            from line_allocations
            group by order_key, line_no
        ) as told
        full join fct_order_line_checks as open_lines using (order_key, line_no)
        where told.quantity is distinct from open_lines.quantity
        """,
    )
    if differing:
        problems.append(f"{differing:,} open order lines are not allocated to the unit.")
    figures = {"lines": _number(connection, "select count(*) from line_allocations")}
    return CheckOutcome(name, problems, figures)
