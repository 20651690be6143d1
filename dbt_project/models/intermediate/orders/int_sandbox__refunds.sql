{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    refund_no,
    order_no,
    line_no,
    quantity,
    amount,
    {{ currency_of('sandbox') }} as currency_code,
    status as source_status,
    null as derived_status,
    reason,
    null as return_order_no,
    requested_at,
    refunded_at,
    received_at as known_at
from {{ ref('int_sandbox__refunds_classified') }}
where is_current
