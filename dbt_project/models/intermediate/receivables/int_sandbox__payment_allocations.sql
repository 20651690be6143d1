{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    receipt_no,
    invoice_no,
    amount,
    allocated_at,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__payment_allocations_classified') }}
where is_current
