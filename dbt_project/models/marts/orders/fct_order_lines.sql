{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{{ follow('orders') }}

with returned as (
    select
        order_key,
        line_no,
        sum(quantity) as returned_quantity
    from {{ ref('fct_refunds') }}
    where
        refund_status = 'refunded'
        and line_no is not null
        {{ where_touched(written='and') }}
    group by order_key, line_no
)

select
    lines.order_key,
    lines.line_no,
    lines.order_no,
    lines.business,
    lines.source,
    orders.channel,
    lines.sku,
    lines.quantity,
    lines.unit_price,
    lines.line_amount,
    lines.currency_code,
    orders.created_at,
    orders.created_on,
    orders.order_type,
    non_product_skus.sku is null as is_product,
    case
        when orders.order_type = 'sale' then cast(coalesce(returned.returned_quantity, 0) as bigint)
        else 0
    end as returned_quantity,
    lines.known_at
from {{ ref('int_order_lines_unioned') }} as lines
left join {{ ref('int_orders_unioned') }} as orders on lines.order_key = orders.order_key
left join returned
    on lines.order_key = returned.order_key and lines.line_no = returned.line_no
left join {{ ref('non_product_skus') }} as non_product_skus
    on lines.source = non_product_skus.source and lines.sku = non_product_skus.sku
{{ where_touched('lines') }}
