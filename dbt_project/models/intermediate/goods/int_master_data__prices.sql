{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    channel,
    sku,
    unit_price,
    currency_code,
    valid_from,
    valid_until,
    received_at as known_at
from {{ ref('int_master_data__prices_classified') }}
where is_current
