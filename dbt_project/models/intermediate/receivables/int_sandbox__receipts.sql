{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    'distributors' as channel,
    receipt_no,
    customer_no,
    arrived_at,
    method,
    amount,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__receipts_classified') }}
where is_current
