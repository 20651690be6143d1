{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- Status words that no seed maps: their rows show as `unknown` and are never dropped. Add the word to
-- order_status_map, refund_status_map, shipment_status_map, carrier_scan_codes, purchase_order_status_map, site_types
-- or stock_movement_type_map. A warning, because the figures stay whole.
select
    'order_status_map' as add_it_to,
    source,
    channel,
    source_status,
    count(*) as row_count
from {{ ref('fct_orders') }}
where order_status = 'unknown'
group by source, channel, source_status
union all
select
    'refund_status_map' as add_it_to,
    source,
    channel,
    source_status,
    count(*) as row_count
from {{ ref('fct_refunds') }}
where refund_status = 'unknown'
group by source, channel, source_status
union all
select
    'shipment_status_map' as add_it_to,
    source,
    channel,
    source_status,
    count(*) as row_count
from {{ ref('fct_parcels') }}
where shipment_status = 'unknown'
group by source, channel, source_status
union all
select
    'carrier_scan_codes' as add_it_to,
    source,
    carrier as channel,
    source_code as source_status,
    count(*) as row_count
from {{ ref('fct_shipment_scans') }}
where shipment_status = 'unknown'
group by source, carrier, source_code
union all
select
    'purchase_order_status_map' as add_it_to,
    source,
    account as channel,
    source_status,
    count(*) as row_count
from {{ ref('fct_purchase_order_lines') }}
where purchase_order_status = 'unknown' and source_status is not null
group by source, account, source_status
union all
select
    'site_types' as add_it_to,
    source,
    site as channel,
    source_type as source_status,
    count(*) as row_count
from {{ ref('dim_sites') }}
where site_type = 'unknown' and source_type is not null
group by source, site, source_type
union all
select
    'stock_movement_type_map' as add_it_to,
    movements.source,
    movements.site as channel,
    movements.source_type as source_status,
    count(*) as row_count
from {{ ref('fct_stock_movements') }} as movements
left join {{ ref('stock_movement_type_map') }} as types
    on movements.source = types.source and lower(movements.source_type) = types.source_type
where types.movement_type is null
group by movements.source, movements.site, movements.source_type
