{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    tracking_no,
    order_no,
    carrier,
    status as source_status,
    shipped_at,
    promised_at,
    delivered_at,
    received_at as known_at
from {{ ref('int_sandbox__parcels_classified') }}
where is_current
