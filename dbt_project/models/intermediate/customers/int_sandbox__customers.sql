{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    -- Of a masked name nothing is known.
    case when name_parts is not null then name end as full_name_token,
    email as email_token,
    null as open_uid,
    null as union_id,
    name_parts,
    masked_phone as masked_phone_token,
    email_parts,
    birth_date as birth_date_token,
    address_parts,
    first_received_at as first_known_at,
    received_at as known_at
from (
    select
        *,
        min(received_at) over (partition by channel, buyer_id) as first_received_at
    from {{ ref('int_sandbox__customers_classified') }}
) as records
where is_current
