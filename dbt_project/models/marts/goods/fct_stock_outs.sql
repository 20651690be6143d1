-- An article of a site's assortment (one that its counts list) is out of stock on a day on whose end there is nothing
-- to sell. Lines that were ordered on such a day count where their channel and province are served from.
with demanded as (
    select
        lines.business,
        coalesce(order_sites.site, serving_sites.site) as site,
        lines.sku,
        lines.created_on as business_date,
        count(*) as demanded_line_count,
        sum(lines.quantity) as demanded_quantity
    from {{ ref('fct_order_lines') }} as lines
    inner join {{ ref('fct_orders') }} as orders on lines.order_key = orders.order_key
    left join {{ ref('int_order_sites') }} as order_sites on lines.order_key = order_sites.order_key
    left join {{ ref('int_serving_sites') }} as serving_sites
        on
            orders.business = serving_sites.business
            and orders.channel = serving_sites.channel
            and coalesce(orders.province, '-') = serving_sites.province
    where
        orders.order_type = 'sale'
        and orders.paid_at is not null
        and lines.is_product
        and lines.quantity > 0
        and coalesce(order_sites.site, serving_sites.site) is not null
    group by lines.business, coalesce(order_sites.site, serving_sites.site), lines.sku, lines.created_on
)

select
    positions.business,
    positions.site,
    positions.sku,
    positions.business_date,
    positions.on_hand,
    positions.available_to_sell,
    positions.available_to_sell <= 0 as is_out_of_stock,
    coalesce(demanded.demanded_line_count, 0) as demanded_line_count,
    cast(coalesce(demanded.demanded_quantity, 0) as bigint) as demanded_quantity
from {{ ref('fct_stock_positions') }} as positions
left join demanded
    on
        positions.business = demanded.business
        and positions.site = demanded.site
        and positions.sku = demanded.sku
        and positions.business_date = demanded.business_date
where positions.available_to_sell <= 0 or demanded.sku is not null
