{{ config(enabled=source_is_enabled('wechat_store')) }}

select
    'wechat_store' as source,
    order_no,
    line_no,
    coalesce(sku, other_sku, platform_sku, product_id) as sku,
    quantity,
    unit_price,
    record_amount as line_amount,
    {{ currency_of('wechat_store') }} as currency_code,
    received_at as known_at
from {{ ref('int_wechat_store__order_lines_classified') }}
where is_current
