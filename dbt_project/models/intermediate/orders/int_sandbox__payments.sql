{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    payment_no,
    order_no,
    method,
    amount,
    {{ currency_of('sandbox') }} as currency_code,
    paid_at,
    received_at as known_at
from {{ ref('int_sandbox__payments_classified') }}
where is_current
