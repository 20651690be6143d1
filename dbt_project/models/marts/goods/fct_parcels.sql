with parcels as (
    select * from {{ ref('int_parcels_unioned') }}
),

channels_of_orders as (
    select
        order_key,
        channel
    from {{ ref('int_orders_unioned') }}
)

select
    parcels.source || ':' || parcels.tracking_no as parcel_key,
    {{ order_key('parcels.source', 'parcels.order_no') }} as order_key,
    parcels.source,
    channels_of_orders.channel,
    parcels.carrier,
    coalesce(shipment_status_map.shipment_status, 'unknown') as shipment_status,
    parcels.source_status,
    parcels.shipped_at,
    parcels.promised_at,
    parcels.delivered_at,
    parcels.known_at
from parcels
left join {{ ref('shipment_status_map') }} as shipment_status_map
    on
        parcels.source = shipment_status_map.source
        and parcels.source_status = shipment_status_map.source_status
left join channels_of_orders
    on {{ order_key('parcels.source', 'parcels.order_no') }} = channels_of_orders.order_key
