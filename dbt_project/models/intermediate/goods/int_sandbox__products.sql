{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    sku,
    name,
    category,
    unit_cost,
    list_price,
    lead_time_days,
    pack_size,
    cast(weight_grams * 0.001 as decimal(18, 6)) as weight_kg,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__products_classified') }}
where is_current
