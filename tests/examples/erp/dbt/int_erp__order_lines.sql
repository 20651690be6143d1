{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    order_no,
    line_no,
    sku,
    quantity,
    unit_price,
    amount as line_amount,
    {{ currency_of('erp') }} as currency_code,
    received_at as known_at
from {{ ref('int_erp__order_lines_classified') }}
where is_current
