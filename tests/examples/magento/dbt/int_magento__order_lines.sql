{{ config(enabled=source_is_enabled('magento')) }}

select
    'magento' as source,
    order_no,
    try_cast(line_id as bigint) as line_no,
    sku,
    quantity,
    unit_price,
    amount as line_amount,
    {{ currency_of('magento') }} as currency_code,
    received_at as known_at
from {{ ref('int_magento__order_lines_classified') }}
where is_current
