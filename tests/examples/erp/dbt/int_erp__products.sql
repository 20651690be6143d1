{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    sku,
    name,
    category,
    unit_cost,
    list_price,
    lead_time_days,
    pack_size,
    null as weight_kg,
    {{ currency_of('erp') }} as currency_code,
    received_at as known_at
from {{ ref('int_erp__products_classified') }}
where is_current
