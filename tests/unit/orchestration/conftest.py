"""A published snapshot that needs no lake: the reader's interface over plain DuckDB tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import pytest

from connectors.database.publications import Publication
from orchestration.learning.ml_tables import ML_TABLES

PUBLISHED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class SnapshotInMemory:
    """Answers like `PublishedLake`, with tables that a test makes."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set TimeZone = 'UTC'")
        self.publication = Publication(
            "20261121T120000Z-0000", PUBLISHED_AT, "run-1", 7, "", "", {}, {}
        )

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def put(self, table: str, rows: pd.DataFrame) -> None:
        """Replace a table of schema `ml`."""
        kinds = ML_TABLES[table].items()
        cast = ", ".join(f"{name}::{kind} as {name}" for name, kind in kinds)
        self._connection.register("put_rows", rows.astype(object))
        self._connection.execute(f"create or replace table {table} as select {cast} from put_rows")
        self._connection.unregister("put_rows")

    def close(self) -> None:
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        cursor.execute("set TimeZone = 'UTC'")
        return cursor

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        with self._connection.cursor() as cursor:
            result = cursor.execute(sql, params)
            names = [column[0] for column in result.description or []]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def tables(self) -> list[str]:
        return [row["table_name"] for row in self.rows("select table_name from duckdb_tables()")]


@pytest.fixture
def lake() -> Iterator[SnapshotInMemory]:
    """A snapshot without tables."""
    snapshot = SnapshotInMemory()
    yield snapshot
    snapshot.close()


@pytest.fixture
def retail_lake(lake: SnapshotInMemory) -> SnapshotInMemory:
    """A snapshot in which every shipped rule finds something, and something it must leave alone."""
    lake.execute("""
        create table fct_orders as
        select
            source || ':' || order_no as order_key, source as business, source, channel, order_no,
            order_type,
            order_status, cast(gross_amount as decimal(18, 2)) as gross_amount, currency_code,
            cast(created_at || ':00+00' as timestamptz) as created_at,
            cast(null as varchar) as customer_key
        from (values
            ('sandbox', 'pos', '1', 'sale', 'paid', 10000.00, 'CNY', '2026-11-21 09:00'),
            ('sandbox', 'pos', '2', 'sale', 'paid', 9999.99, 'CNY', '2026-11-21 09:00'),
            ('sandbox', 'pos', '3', 'sale', 'cancelled', 20000.00, 'CNY', '2026-11-21 09:00'),
            ('sandbox', 'pos', '4', 'return', 'paid', 20000.00, 'CNY', '2026-11-21 09:00'),
            ('sandbox', 'pos', '5', 'sale', 'paid', 20000.00, 'CNY', '2026-11-01 09:00'),
            ('sandbox', 'pos', '6', 'sale', 'paid', 20000.00, 'GBP', '2026-11-21 09:00'),
            ('tmall', 'tmall', '7', 'sale', 'paid', 12345.67, 'CNY', '2020-02-29 15:00'),
            ('tmall', 'tmall', '8', 'sale', 'paid', 99999.00, 'CNY', '2020-02-01 15:00')
        ) as t(source, channel, order_no, order_type, order_status, gross_amount, currency_code,
               created_at)
    """)
    lake.execute("""
        create table rpt_channel_daily as
        select * from (values
            ('fourflow_demo', 'pos', date '2026-11-20', 9, 20.0, true),
            ('fourflow_demo', 'web', date '2026-11-20', 10, 20.0, true),
            ('fourflow_demo', 'web', date '2026-11-21', 1, 20.0, false),
            ('fourflow_demo', 'live', date '2026-11-20', 0, 19.5, true),
            ('fourflow_demo', 'new', date '2026-11-20', 0, null, true),
            ('fourflow_demo', 'pos', date '2026-11-01', 0, 20.0, true)
        ) as t(business, channel, business_date, order_count, expected_order_count, is_complete_day)
    """)
    lake.execute("alter table rpt_channel_daily alter expected_order_count type double")
    lake.execute(REPLENISHMENT.format(day="2026-11-20"))
    transfers = ML_TABLES["replenishment_transfers"]
    columns = ", ".join(f"{name} {kind}" for name, kind in transfers.items())
    lake.execute(f"create or replace table replenishment_transfers ({columns})")
    return lake


REPLENISHMENT = """
    create or replace table replenishment_positions as
    select 'fourflow_demo' as business, 'wh_east' as site, sku, date '{day}' as business_date,
        12 as on_hand, 4 as reserved, 0 as inbound, stock_position, 5 as lead_time_days,
        63.0::double as expected_lead_time_demand, 18.5::double as safety_stock,
        5 as review_period_days, 0.0::double as expected_review_demand,
        0 as proposed, 0 as transfer_in, 24 as minimum_order_quantity,
        'forecast 63 ± 18 over 12 days → 96' as explanation_en,
        '12 天预测 63 ± 18 → 96' as explanation_zh,
        81.5::double as reorder_point, 24 as pack_size, suggested_quantity,
        cast(12.5 as decimal(18, 6)) as unit_cost,
        cast(suggested_quantity * 12.5 as decimal(18, 2)) as suggested_amount,
        'CNY' as currency_code, date '{day}' as origin_date
    from (values ('A', 8, 96), ('B', 82, 0), ('C', 8, 0))
        as t(sku, stock_position, suggested_quantity)
"""
