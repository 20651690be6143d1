"""What an allocation reads: open lines, sites and stock, from the lake as it was just built."""

import duckdb
import pandas as pd
from sqlalchemy import Engine

from connectors.lake.tables import TABLES
from orchestration.allocation.order_stock import reserved_lines
from orchestration.allocation.policy import AllocationPolicy

ALLOCATIONS = "line_allocations"
READS = (
    "fct_order_line_checks", "fct_orders", "fct_stock_availability", "dim_customers", "dim_sites",
    "int_business_clock", "province_locations",
)  # fmt: skip

# A line's place is the middle of its province; where that is not known, the site that serves its
# channel stands for it, so that nothing is sent from elsewhere without need.
_LINES = """
    select
        checks.business, checks.order_key, checks.line_no, orders.order_no, orders.channel,
        orders.order_status, checks.sku, checks.quantity, checks.site as serving_site,
        checks.demanded_at, orders.gross_amount::double as order_amount, orders.currency_code,
        customers.rfm_segment as customer_segment,
        places.latitude::double as latitude, places.longitude::double as longitude,
        case when checks.decision = 'backorder' then checks.promised_ship_on end as promised_on
    from fct_order_line_checks as checks
    join fct_orders as orders using (order_key)
    left join dim_customers as customers using (customer_key)
    left join lake.reference.province_locations as places on orders.province = places.province
    order by checks.order_key, checks.line_no
"""
_SITES = """
    select
        sites.business, sites.site_key, sites.site,
        case when sites.site_type = 'store' then 'store' else 'warehouse' end as kind,
        coalesce(sites.latitude, places.latitude)::double as latitude,
        coalesce(sites.longitude, places.longitude)::double as longitude,
        coalesce(sites.closed_on > clock.as_of_date, true) as is_open
    from dim_sites as sites
    join int_business_clock as clock using (business)
    left join lake.reference.province_locations as places on sites.province = places.province
"""
_STOCK = """
    select
        stock.business, sites.site_key, stock.site, stock.sku, stock.counted_on,
        greatest(stock.on_hand - stock.outbound, 0) as quantity, stock.next_arrival_on
    from fct_stock_availability as stock
    join dim_sites as sites using (business, site)
    where stock.counted_on is not null
        and (stock.business, stock.sku) in (select business, sku from fct_order_line_checks)
"""
_SAFETY = "select business, site, sku, safety_stock from lake.ml.replenishment_positions"
_ORDERS = """
    select order_key, order_status, shipped_at is not null
        or order_status in ('shipped', 'delivered', 'completed') as has_left
    from fct_orders
    where list_contains($keys, order_key)
"""


def lake_tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the tables that the lake has."""
    return {
        str(row[0])
        for row in connection.execute(f"select table_name from ({TABLES})").fetchall()  # noqa: S608 - own names
    }


def read_frames(
    connection: duckdb.DuckDBPyConnection, there: set[str], engine: Engine
) -> dict[str, pd.DataFrame]:
    """What an allocation needs: lines, sites, stock (with safety stock), clock, orders, before.

    Args:
        connection: the lake.
        there: its tables.
        engine: the operational database, whose reservations say which orders are looked at.
    """
    queries = {
        "lines": _LINES,
        "sites": _SITES,
        "stock": _STOCK,
        "clock": "select business, as_of_date from int_business_clock",
    }
    if "replenishment_positions" in there:
        queries["safety"] = _SAFETY
    if ALLOCATIONS in there:
        queries["before"] = f"select * from lake.ml.{ALLOCATIONS} where reservation_id is not null"  # noqa: S608 - own name
    frames = {name: connection.execute(sql).df() for name, sql in queries.items()}
    keys = sorted(set(reserved_lines(engine)["order_key"]))
    frames["orders"] = connection.execute(_ORDERS, {"keys": keys}).df()
    safety = pd.DataFrame(columns=["business", "site", "sku", "safety_stock"])
    frames["stock"] = frames["stock"].merge(
        frames.pop("safety", safety), on=["business", "site", "sku"], how="left"
    )
    frames["lines"]["order_key"] = frames["lines"]["order_key"].astype(object)
    return frames


def with_policy(sites: pd.DataFrame, policy: AllocationPolicy) -> pd.DataFrame:
    """The sites with what the policy says of each, and whether their place is known."""
    own = [policy.sites.get(site) for site in sites["site"]]
    return sites.assign(
        is_accepting=[
            bool(is_open) and (site is None or site.is_accepting)
            for site, is_open in zip(own, sites["is_open"], strict=True)
        ],
        capacity_units=pd.Series(
            [None if site is None else site.capacity_units for site in own],
            index=sites.index,
            dtype="Int64",
        ),
        base_cost=[0.0 if site is None else site.base_cost for site in own],
        is_located=sites["latitude"].notna() & sites["longitude"].notna(),
    )
