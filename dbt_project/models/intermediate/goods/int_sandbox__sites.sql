{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    site,
    name,
    site_type as source_type,
    latitude,
    longitude,
    'CN' as country,
    province as province_name,
    city,
    cast(null as date) as opened_on,
    cast(null as date) as closed_on,
    received_at as known_at
from {{ ref('int_sandbox__sites_classified') }}
where is_current
