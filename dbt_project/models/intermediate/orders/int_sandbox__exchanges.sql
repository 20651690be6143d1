{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    exchange_no,
    order_no,
    line_no,
    quantity,
    status as source_status,
    reason,
    requested_at,
    returned_at,
    shipped_at,
    tracking_no,
    delivered_at,
    received_at as known_at
from {{ ref('int_sandbox__exchanges_classified') }}
where is_current
