{{ config(enabled=source_is_enabled('taobao')) }}

select
    'taobao' as source,
    account as channel,
    buyer_id,
    arg_max(buyer_nick, modified_at) as name_token,
    null as phone_token,
    arg_max(province, modified_at) as province_name,
    min(created_at) as registered_at,
    null as full_name_token,
    null as email_token,
    'taobao:' || buyer_id as open_uid,
    null as union_id,
    null as name_parts,
    null as masked_phone_token,
    null as email_parts,
    null as birth_date_token,
    null as address_parts,
    min(first_received_at) as first_known_at,
    max(received_at) as known_at
from (
    select
        *,
        min(received_at) over (partition by account, buyer_id) as first_received_at
    from {{ ref('int_taobao__orders_classified') }}
) as records
where is_current and buyer_id is not null
group by account, buyer_id
