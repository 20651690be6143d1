{{ config(enabled=source_is_enabled('odoo')) }}

select
    'odoo' as source,
    account as channel,
    partner_id as buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    received_at as known_at
from {{ ref('int_odoo__customers_classified') }}
where is_current
