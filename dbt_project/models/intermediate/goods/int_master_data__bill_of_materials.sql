{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    concat_ws('/', sku, component_sku, valid_from) as line_no,
    sku,
    component_sku,
    quantity,
    coalesce(scrap_rate, 0) as scrap_rate,
    valid_from,
    valid_until,
    received_at as known_at
from {{ ref('int_master_data__bill_of_materials_classified') }}
where is_current
