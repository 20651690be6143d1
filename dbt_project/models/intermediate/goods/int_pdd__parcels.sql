{{ config(enabled=source_is_enabled('pdd')) }}

with parcels as (
    select
        tracking_no,
        order_no,
        carrier_id,
        shipped_at,
        received_at
    from {{ ref('int_pdd__orders_classified') }}
    where is_current and tracking_no is not null
    union all
    select
        tracking_no,
        order_no,
        carrier_id,
        shipped_at,
        received_at
    from {{ ref('int_pdd__extra_parcels_classified') }}
    where is_current
)

select
    'pdd' as source,
    tracking_no,
    order_no,
    any_value(carrier_id) as carrier,
    'CONSIGNED' as source_status,
    min(shipped_at) as shipped_at,
    null as promised_at,
    null as delivered_at,
    max(received_at) as known_at
from parcels
group by tracking_no, order_no
