"""The nearest store of an order, and what it had in stock before the order was paid."""

from decimal import Decimal
from math import acos, cos, radians, sin

import duckdb
import pytest

from orchestration.allocation.store_distances import store_distances

SHANGHAI, BEIJING, TIANJIN = (31.2304, 121.4737), (39.9042, 116.4074), (39.0842, 117.2009)
STORE = (31.2229, 121.4581)


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "set TimeZone = 'UTC'; attach ':memory:' as lake; create schema lake.reference"
    )
    connection.execute(f"""
        create table lake.reference.province_locations as
        select * from (values ('SH', {SHANGHAI[0]}, {SHANGHAI[1]}), ('BJ', {BEIJING[0]},
            {BEIJING[1]}), ('TJ', {TIANJIN[0]}, {TIANJIN[1]})) as t(province, latitude, longitude);
        create table dim_sites as
        select * from (values
            ('b', 'shop', 'store', {STORE[0]}, {STORE[1]}, 'SH'),
            ('b', 'far', 'store', null, null, 'TJ'),
            ('b', 'hall', 'warehouse', null, null, 'BJ'),
            ('other', 'own', 'warehouse', null, null, 'SH')
        ) as t(business, site, site_type, latitude, longitude, province);
        create table int_business_clock as
        select unnest(['b', 'other']) as business, date '2026-11-22' as as_of_date;
        create table fct_orders as
        select *, 'web' as channel, 'N' || order_key as order_no, 'paid' as order_status,
            paid_text::timestamptz as paid_at
        from (values
            ('b', 'near', 'sale', 'SH', '2026-11-20 15:59:59+00'),
            ('b', 'next_day', 'sale', 'SH', '2026-11-20 16:00:00+00'),
            ('b', 'north', 'sale', 'BJ', '2026-11-20 09:00:00+00'),
            ('b', 'abroad', 'sale', null, '2026-11-20 09:00:00+00'),
            ('b', 'old', 'sale', 'SH', '2026-08-20 09:00:00+00'),
            ('b', 'back', 'return', 'SH', '2026-11-20 09:00:00+00'),
            ('other', 'elsewhere', 'sale', 'SH', '2026-11-20 09:00:00+00')
        ) as t(business, order_key, order_type, province, paid_text);
        create table fct_order_lines as
        select *, true as is_product from (values
            ('near', 'a', 2), ('near', 'a', 1), ('next_day', 'a', 3), ('north', 'z', 1)
        ) as t(order_key, sku, quantity);
        create table fct_stock_positions as
        select * from (values
            ('b', 'shop', 'a', date '2026-11-18', 9), ('b', 'shop', 'a', date '2026-11-19', 3),
            ('b', 'shop', 'a', date '2026-11-20', 2), ('b', 'hall', 'z', date '2026-11-19', 9)
        ) as t(business, site, sku, business_date, available_to_sell);
    """)
    return connection


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> Decimal:
    """By the law of cosines on a sphere, not by haversines."""
    a, b = radians(one[0]), radians(other[0])
    angle = acos(sin(a) * sin(b) + cos(a) * cos(b) * cos(radians(other[1] - one[1])))
    return Decimal(str(round(6371.0088 * angle, 3)))


def test_nearest_store_and_its_last_count_before_the_day_of_payment(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    found = store_distances(lake, zone="Asia/Shanghai").set_index("order_key")
    told = {
        key: (row["store_site"], Decimal(str(row["distance_km"])), bool(row["has_stock"]))
        for key, row in found.iterrows()
    }
    near = kilometres(STORE, SHANGHAI)
    assert told == {
        # Three wanted; three were there on the 19th, two on the 20th, on which `near` was paid.
        "near": ("shop", near, True),
        "next_day": ("shop", near, False),
        "north": ("far", kilometres(TIANJIN, BEIJING), False),
    }
    assert not found["is_address_known"].any(), "a province is no address"
