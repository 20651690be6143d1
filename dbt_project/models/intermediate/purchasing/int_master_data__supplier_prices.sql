{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    '-' as account,
    concat_ws(
        '/', supplier_no, sku, currency_code, coalesce(minimum_order_quantity, 0), valid_from
    ) as price_no,
    supplier_no,
    sku,
    unit_price,
    currency_code,
    coalesce(minimum_order_quantity, 0) as minimum_order_quantity,
    pack_size,
    lead_time_days,
    valid_from,
    valid_until,
    priority,
    received_at as known_at
from {{ ref('int_master_data__supplier_prices_classified') }}
where is_current
-- An empty minimum and 0 say the same: the line that was received last holds.
qualify row_number() over (partition by price_no order by received_at desc, record_number desc) = 1
