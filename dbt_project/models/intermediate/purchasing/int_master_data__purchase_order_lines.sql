{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    '-' as account,
    lines.order_no,
    cast(lines.line_no as varchar) as line_no,
    orders.supplier_no,
    orders.site,
    lines.sku,
    orders.status as source_status,
    lines.quantity,
    coalesce(lines.received_quantity, 0) as received_quantity,
    lines.unit_price,
    cast(lines.quantity * lines.unit_price as decimal(18, 2)) as line_amount,
    coalesce(orders.currency_code, {{ currency_of('master_data') }}) as currency_code,
    orders.ordered_at,
    coalesce(lines.promised_on, orders.promised_on) as promised_on,
    lines.goods_received_at as received_at,
    cast(null as varchar) as reference,
    greatest(lines.received_at, orders.received_at) as known_at
from {{ ref('int_master_data__purchase_order_lines_classified') }} as lines
left join {{ ref('int_master_data__purchase_orders_classified') }} as orders
    on lines.order_no = orders.order_no and orders.is_current
where lines.is_current
