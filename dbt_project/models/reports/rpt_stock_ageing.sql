select
    layers.business,
    layers.site,
    coalesce(products.category, 'unknown') as category,
    layers.age_bucket,
    coalesce(layers.currency_code, 'XXX') as currency_code,
    count(distinct layers.sku) as sku_count,
    cast(sum(layers.remaining_quantity) as decimal(18, 6)) as quantity,
    cast(sum(case when layers.layer_type != 'received' then layers.remaining_quantity else 0 end) as decimal(18, 6))
        as quantity_of_unknown_age,
    cast(sum(case when layers.unit_cost is null then layers.remaining_quantity else 0 end) as decimal(18, 6))
        as quantity_without_cost,
    cast(coalesce(sum(layers.remaining_value), 0) as decimal(18, 2)) as stock_value,
    cast(coalesce(sum(layers.value_at_risk), 0) as decimal(18, 2)) as value_at_risk
from {{ ref('fct_stock_layers') }} as layers
left join {{ ref('dim_products') }} as products
    on layers.business = products.business and layers.sku = products.sku
group by
    layers.business, layers.site, coalesce(products.category, 'unknown'), layers.age_bucket,
    coalesce(layers.currency_code, 'XXX')
