{{ config(materialized='incremental', meta={'follows': ['parcels']}) }}
{{ follow('parcels') }}

-- Times of scans count, not the order in which they arrived. A delivery is the carrier's word that the parcel was
-- signed for; once a parcel has turned back, the signature at its end is the sender's.
with scans as (
    select
        *,
        case shipment_status
            when 'created' then 0
            when 'in_transit' then 1
            when 'out_for_delivery' then 2
            when 'exception' then 3
            when 'delivered' then 4
            when 'returned' then 5
        end as status_rank,
        min(case when shipment_status = 'returned' then happened_at end) over (
            partition by business, parcel_no
        ) as returned_at
    from {{ ref('int_shipment_scans_unioned') }}
    {{ where_touched() }}
)

select
    business,
    parcel_no,
    coalesce(
        case
            when bool_or(shipment_status = 'returned') then 'returned'
            when bool_or(shipment_status = 'delivered') then 'delivered'
        end,
        arg_max(shipment_status, (happened_at, status_rank)) filter (where shipment_status != 'unknown'),
        'unknown'
    ) as shipment_status,
    min(happened_at) filter (
        where shipment_status = 'delivered' and (returned_at is null or happened_at < returned_at)
    ) as delivered_at,
    min(returned_at) as returned_at,
    min(happened_at) as first_scanned_at,
    max(happened_at) as last_scanned_at,
    count(*) as scan_count,
    max(known_at) as known_at
from scans
group by business, parcel_no
