select
    lines.business,
    lines.sku,
    lines.created_on as business_date,
    cast(sum(lines.quantity) as bigint) as quantity,
    count(distinct lines.order_key) as order_count
from {{ ref('fct_order_lines') }} as lines
inner join {{ ref('fct_orders') }} as orders on lines.order_key = orders.order_key
where
    orders.order_type = 'sale'
    and orders.paid_at is not null
    and lines.is_product
    and lines.quantity > 0
group by lines.business, lines.sku, lines.created_on
