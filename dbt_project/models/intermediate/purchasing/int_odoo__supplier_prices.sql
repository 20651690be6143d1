{{ config(enabled=source_is_enabled('odoo')) }}

-- A supplier's price is of one article, or of every article of a template. Odoo's `min_qty` is what must be ordered at
-- least; an article without a code is nobody's goods.
select
    'odoo' as source,
    prices.account,
    prices.line_id || '/' || products.sku as price_no,
    prices.supplier_id as supplier_no,
    products.sku,
    prices.unit_price,
    coalesce(prices.currency_code, {{ currency_of('odoo') }}) as currency_code,
    coalesce(prices.pack_size, 0) as minimum_order_quantity,
    cast(null as bigint) as pack_size,
    prices.lead_time_days,
    prices.valid_from,
    prices.valid_to as valid_until,
    prices.priority,
    prices.received_at as known_at
from {{ ref('int_odoo__supplier_prices_classified') }} as prices
inner join {{ ref('int_odoo__products_classified') }} as products
    on
        prices.account = products.account
        and prices.template_id = products.template_id
        and coalesce(prices.product_id, products.product_id) = products.product_id
where prices.is_current and products.is_current and products.sku is not null and prices.unit_price is not null
qualify row_number() over (
    partition by prices.account, prices.line_id, products.sku order by products.product_id
) = 1
