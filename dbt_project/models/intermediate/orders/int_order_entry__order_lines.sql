{{ config(enabled=source_is_enabled('order_entry')) }}

select
    'order_entry' as source,
    order_no,
    line_no,
    sku,
    quantity,
    unit_price,
    line_amount,
    currency_code,
    received_at as known_at
from {{ ref('int_order_entry__push_lines_classified') }}
where is_current
