{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    received_at as known_at
from {{ ref('int_sandbox__customers_classified') }}
where is_current
