{{ config(enabled=source_is_enabled('douyin')) }}

select
    'douyin' as source,
    order_no,
    try_cast(line_id as bigint) as line_no,
    coalesce(seller_code, sku_id, product_id, line_id) as sku,
    quantity,
    unit_price,
    payment - coalesce(postage, 0) as line_amount,
    {{ currency_of('douyin') }} as currency_code,
    received_at as known_at
from {{ ref('int_douyin__order_lines_classified') }}
where is_current
