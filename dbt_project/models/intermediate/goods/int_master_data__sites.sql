{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    site,
    name,
    site_type as source_type,
    latitude,
    longitude,
    country,
    province as province_name,
    city,
    opened_on,
    closed_on,
    received_at as known_at
from {{ ref('int_master_data__sites_classified') }}
where is_current
