{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- Status words that no seed maps: their rows show as `unknown` and are never dropped. Add the word to
-- order_status_map, refund_status_map, shipment_status_map or carrier_scan_codes. A warning, because the figures stay
-- whole.
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
