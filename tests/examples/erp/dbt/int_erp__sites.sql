{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    code as site,
    name,
    kind as source_type,
    latitude,
    longitude,
    null as country,
    null as province_name,
    null as city,
    null as opened_on,
    null as closed_on,
    received_at as known_at
from {{ ref('int_erp__sites_classified') }}
where is_current
