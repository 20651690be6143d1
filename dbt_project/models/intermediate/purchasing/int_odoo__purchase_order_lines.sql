{{ config(enabled=source_is_enabled('odoo')) }}

-- A line without an article is a note or a section.
with products as (
    select
        account,
        product_id,
        coalesce(sku, product_id) as sku
    from {{ ref('int_odoo__products_classified') }}
    where is_current
)

select
    'odoo' as source,
    lines.account,
    coalesce(orders.order_no, lines.order_id) as order_no,
    lines.line_id as line_no,
    orders.supplier_id as supplier_no,
    split_part(orders.operation, ':', 1) as site,
    coalesce(products.sku, lines.product_id) as sku,
    orders.status as source_status,
    lines.quantity,
    coalesce(lines.received_quantity, 0) as received_quantity,
    lines.unit_price,
    lines.line_amount,
    coalesce(orders.currency_code, {{ currency_of('odoo') }}) as currency_code,
    orders.ordered_at,
    {{ business_date('coalesce(lines.expected_at, orders.expected_at)') }} as promised_on,
    cast(null as timestamptz) as received_at,
    orders.reference,
    greatest(lines.received_at, orders.received_at) as known_at
from {{ ref('int_odoo__purchase_order_lines_classified') }} as lines
left join {{ ref('int_odoo__purchase_orders_classified') }} as orders
    on lines.account = orders.account and lines.order_id = orders.order_id and orders.is_current
left join products on lines.account = products.account and lines.product_id = products.product_id
where lines.is_current and lines.product_id is not null
