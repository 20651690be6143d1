select
    source || ':' || sku as product_key,
    source,
    sku,
    name,
    category,
    unit_cost,
    list_price,
    lead_time_days,
    pack_size,
    currency_code,
    known_at
from {{ ref('int_products_unioned') }}
