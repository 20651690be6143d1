{{ config(enabled=source_is_enabled('odoo')) }}

-- Stock names a warehouse by its name, so its name is the site.
select
    'odoo' as source,
    name as site,
    name,
    'warehouse' as source_type,
    cast(null as decimal(9, 6)) as latitude,
    cast(null as decimal(9, 6)) as longitude,
    cast(null as varchar) as country,
    cast(null as varchar) as province_name,
    cast(null as varchar) as city,
    cast(null as date) as opened_on,
    cast(null as date) as closed_on,
    received_at as known_at
from {{ ref('int_odoo__warehouses_classified') }}
where is_current
qualify row_number() over (
    partition by name
    order by coalesce(is_active, true) desc, changed_at desc, account asc, warehouse_id asc
) = 1
