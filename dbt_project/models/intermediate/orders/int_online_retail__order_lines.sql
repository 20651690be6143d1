{{ config(materialized='table', enabled=source_is_enabled('online_retail')) }}

select
    'online_retail' as source,
    order_no,
    row_number() over (
        partition by order_no order by received_at, load_id, file_name, record_number
    ) as line_no,
    sku,
    quantity,
    unit_price,
    record_amount as line_amount,
    {{ currency_of('online_retail') }} as currency_code,
    received_at as known_at,
    created_at,
    buyer_id,
    product_name,
    country
from {{ ref('int_online_retail__order_lines_classified') }}
where is_current
