{{ config(materialized='incremental', meta={'follows': ['orders', 'parcels']}) }}
{%- set scanned -%}
    select
        parcels.business,
        parcels.order_no
    from {{ ref('int_parcels_unioned') }} as parcels
    inner join ({{ not_followed('parcels') }}) as touched
        on parcels.business = touched.business and upper(parcels.tracking_no) = touched.parcel_no
{%- endset %}
{{ follow('orders', also=scanned) }}

-- An order of the record's own source comes first; else its number is looked for in the whole business, and counts
-- where one order has it. A number that nobody has yet keeps the key of its own source.
--
-- What the parcel's own source says of its end holds. As long as it says none, the carriers' scans tell where the
-- parcel is and when it was delivered.
with parcels as (
    select
        parcels.*,
        upper(parcels.tracking_no) as parcel_no,
        coalesce(shipment_status_map.shipment_status, 'unknown') as told_status
    from {{ ref('int_parcels_unioned') }} as parcels
    left join {{ ref('shipment_status_map') }} as shipment_status_map
        on
            parcels.source = shipment_status_map.source
            and parcels.source_status = shipment_status_map.source_status
    {{ where_touched('parcels') }}
),

judged as (
    select
        parcels.*,
        tracked.shipment_status as tracked_status,
        tracked.delivered_at as tracked_delivered_at,
        tracked.last_scanned_at,
        coalesce(
            tracked.shipment_status != 'unknown'
            and parcels.delivered_at is null
            and parcels.told_status not in ('delivered', 'returned'),
            false
        ) as is_told_by_carrier
    from parcels
    left join {{ ref('int_parcels_tracked') }} as tracked
        on parcels.business = tracked.business and parcels.parcel_no = tracked.parcel_no
)

select
    judged.source || ':' || judged.tracking_no || ':' || judged.order_no as parcel_key,
    coalesce(
        own_order.order_key,
        other_order.order_key,
        {{ order_key('judged.source', 'judged.order_no') }}
    ) as order_key,
    judged.tracking_no,
    judged.order_no,
    judged.business,
    judged.source,
    coalesce(own_order.channel, other_order.channel) as channel,
    judged.carrier,
    case when judged.is_told_by_carrier then judged.tracked_status else judged.told_status end as shipment_status,
    judged.source_status,
    judged.is_told_by_carrier,
    judged.shipped_at,
    {{ business_date('judged.shipped_at') }} as shipped_on,
    judged.promised_at,
    case when judged.is_told_by_carrier then judged.tracked_delivered_at else judged.delivered_at end as delivered_at,
    judged.last_scanned_at,
    judged.known_at
from judged
left join {{ ref('int_orders_unioned') }} as own_order
    on {{ order_key('judged.source', 'judged.order_no') }} = own_order.order_key
left join {{ ref('int_order_numbers') }} as other_order
    on judged.business = other_order.business and judged.order_no = other_order.order_no
