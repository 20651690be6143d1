"""How far each paid order is from the nearest store, and whether that store had all of it."""

import duckdb
import pandas as pd

from models_ml.allocation.problem import EARTH_RADIUS_KM

TABLE = "order_store_distances"
READS = (
    "fct_orders", "fct_order_lines", "fct_stock_positions", "dim_sites", "int_business_clock",
    "province_locations",
)  # fmt: skip
KEPT_DAYS = 90

# Sources tell the province of an address, so its middle stands for it and `is_address_known` says
# that the distance is no more than that. Stock is the store's newest count before the day of
# payment, so a row says what was known then and stays as it is.
_DISTANCES = f"""
    with stores as (
        select
            sites.business, sites.site,
            coalesce(sites.latitude, places.latitude)::double as latitude,
            coalesce(sites.longitude, places.longitude)::double as longitude
        from dim_sites as sites
        left join lake.reference.province_locations as places on sites.province = places.province
        where sites.site_type = 'store'
            and coalesce(sites.latitude, places.latitude) is not null
    ),
    nearest as (
        select
            stores.business, places.province, stores.site as store_site,
            2 * {EARTH_RADIUS_KM} * asin(sqrt(
                power(sin(radians(stores.latitude - places.latitude) / 2), 2)
                + cos(radians(stores.latitude)) * cos(radians(places.latitude))
                * power(sin(radians(stores.longitude - places.longitude) / 2), 2)
            )) as distance_km
        from stores
        cross join lake.reference.province_locations as places
        qualify row_number() over (
            partition by stores.business, places.province order by distance_km, stores.site
        ) = 1
    ),
    paid as (
        select
            orders.business, orders.channel, orders.order_key, orders.order_no,
            orders.order_status, orders.paid_at,
            (orders.paid_at at time zone $zone)::date as paid_on,
            nearest.store_site, nearest.distance_km
        from fct_orders as orders
        join nearest using (business, province)
        join int_business_clock as clock using (business)
        where orders.order_type = 'sale'
            and orders.paid_at >= clock.as_of_date - {KEPT_DAYS} * interval 1 day
    ),
    wanted as (
        select
            paid.business, paid.store_site, paid.paid_on, lines.order_key, lines.sku,
            sum(lines.quantity) as quantity
        from paid
        join fct_order_lines as lines using (order_key)
        where lines.is_product and lines.quantity > 0
        group by all
    ),
    counted as (
        select business, site as store_site, sku, business_date, available_to_sell
        from fct_stock_positions
        where (business, site) in (select business, site from stores)
    ),
    filled as (
        select
            wanted.order_key,
            bool_and(coalesce(counted.available_to_sell, 0) >= wanted.quantity) as has_stock
        from wanted
        asof left join counted
            on wanted.business = counted.business
            and wanted.store_site = counted.store_site
            and wanted.sku = counted.sku
            and wanted.paid_on > counted.business_date
        group by wanted.order_key
    )
    select
        paid.* exclude (paid_on, distance_km), round(paid.distance_km, 3) as distance_km,
        coalesce(filled.has_stock, false) as has_stock, false as is_address_known
    from paid
    left join filled using (order_key)
    order by paid.order_key
"""  # noqa: S608 - own numbers


def store_distances(connection: duckdb.DuckDBPyConnection, *, zone: str) -> pd.DataFrame:
    """One row an order of the last 90 days that was paid, of a business with a store.

    Orders of which not even the province is known are left out.

    Args:
        connection: the lake.
        zone: the business time zone, whose days the counts are of.
    """
    return connection.execute(_DISTANCES, {"zone": zone}).df()
