{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    name as full_name_token,
    null as email_token,
    null as open_uid,
    null as union_id,
    first_received_at as first_known_at,
    received_at as known_at
from (
    select
        *,
        min(received_at) over (partition by channel, buyer_id) as first_received_at
    from {{ ref('int_sandbox__customers_classified') }}
) as records
where is_current
