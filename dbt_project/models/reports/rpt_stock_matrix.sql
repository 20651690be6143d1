select
    availability.business,
    availability.sku,
    availability.site,
    products.name,
    coalesce(products.category, 'unknown') as category,
    availability.counted_on,
    availability.on_hand,
    availability.reserved,
    availability.outbound,
    availability.inbound,
    availability.available_to_sell,
    availability.available_to_promise,
    availability.first_available_on,
    availability.next_arrival_on,
    cast(availability.on_hand * products.unit_cost as decimal(18, 2)) as stock_value,
    products.currency_code
from {{ ref('fct_stock_availability') }} as availability
left join {{ ref('dim_products') }} as products
    on availability.business = products.business and availability.sku = products.sku
