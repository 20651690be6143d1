{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    channel,
    customer_no as buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    received_at as known_at
from {{ ref('int_master_data__customers_classified') }}
where is_current
