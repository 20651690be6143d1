{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    movement_no,
    coalesce(cast(line_no as varchar), '-') as line_no,
    site,
    sku,
    source_type,
    quantity,
    unit_cost,
    coalesce(currency_code, {{ currency_of('master_data') }}) as currency_code,
    reference,
    moved_at,
    received_at as known_at
from {{ ref('int_master_data__stock_movements_classified') }}
where is_current
