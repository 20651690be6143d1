{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    'distributors' as channel,
    invoice_no,
    customer_no,
    order_no,
    issued_on,
    due_on,
    amount,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__invoices_classified') }}
where is_current
