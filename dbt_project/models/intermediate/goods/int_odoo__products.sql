{{ config(enabled=source_is_enabled('odoo')) }}

-- A supplier's price is of one article, or of all articles of a template; the article's own goes first, then Odoo's
-- order of suppliers. Articles without a code are nobody's goods. Of those that share one, the active and newest.
with products as (
    select *
    from {{ ref('int_odoo__products_classified') }}
    where is_current and sku is not null
    qualify row_number() over (
        partition by sku
        order by coalesce(is_active, true) desc, changed_at desc, account asc, product_id asc
    ) = 1
),

offers as (
    select
        products.sku,
        prices.lead_time_days,
        cast(nullif(round(prices.pack_size), 0) as bigint) as pack_size
    from products
    inner join {{ ref('int_odoo__supplier_prices_classified') }} as prices
        on
            products.account = prices.account
            and products.template_id = prices.template_id
            and coalesce(prices.product_id, products.product_id) = products.product_id
    where prices.is_current
    qualify row_number() over (
        partition by products.sku
        order by prices.product_id is null, coalesce(prices.priority, 0), prices.line_id
    ) = 1
)

select
    'odoo' as source,
    products.sku,
    products.name,
    products.category,
    products.unit_cost,
    products.list_price,
    offers.lead_time_days,
    offers.pack_size,
    nullif(products.weight_kg, 0) as weight_kg,
    coalesce(products.currency_code, {{ currency_of('odoo') }}) as currency_code,
    products.received_at as known_at
from products
left join offers on products.sku = offers.sku
