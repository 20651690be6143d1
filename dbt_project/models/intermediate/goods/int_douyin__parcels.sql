{{ config(enabled=source_is_enabled('douyin')) }}

select
    'douyin' as source,
    tracking_no,
    order_no,
    carrier_code as carrier,
    'CONSIGNED' as source_status,
    shipped_at,
    null as promised_at,
    null as delivered_at,
    received_at as known_at
from {{ ref('int_douyin__parcels_classified') }}
where is_current and tracking_no is not null
