-- An order of the record's own source comes first; else its number is looked for in the whole business, and counts
-- where one order has it. A number that nobody has yet keeps the key of its own source.
with parcels as (
    select * from {{ ref('int_parcels_unioned') }}
)

select
    parcels.source || ':' || parcels.tracking_no as parcel_key,
    coalesce(
        own_order.order_key,
        other_order.order_key,
        {{ order_key('parcels.source', 'parcels.order_no') }}
    ) as order_key,
    parcels.tracking_no,
    parcels.business,
    parcels.source,
    coalesce(own_order.channel, other_order.channel) as channel,
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
left join {{ ref('int_orders_unioned') }} as own_order
    on {{ order_key('parcels.source', 'parcels.order_no') }} = own_order.order_key
left join {{ ref('int_order_numbers') }} as other_order
    on parcels.business = other_order.business and parcels.order_no = other_order.order_no
