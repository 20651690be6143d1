{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    order_no,
    line_no,
    sku,
    quantity,
    unit_price,
    line_amount,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__order_lines_classified') }}
where is_current
