{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    movement_no,
    cast(line_no as varchar) as line_no,
    site,
    sku,
    source_type,
    quantity,
    cast(null as decimal(18, 6)) as unit_cost,
    {{ currency_of('sandbox') }} as currency_code,
    order_no as reference,
    moved_at,
    received_at as known_at
from {{ ref('int_sandbox__stock_movements_classified') }}
where is_current
