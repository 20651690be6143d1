{{ config(enabled=source_is_enabled('wechat_store')) }}

select
    'wechat_store' as source,
    account as channel,
    coalesce(giver_id, owner_id) as buyer_id,
    -- WeChat masks names and phones, and they are the receiver's: many people share what is left of them.
    null as name_token,
    null as phone_token,
    -- Where a gift goes tells nothing of its giver.
    arg_max(province, modified_at) filter (where giver_id is null) as province_name,
    min(created_at) as registered_at,
    null as full_name_token,
    null as email_token,
    -- An openid is one shop's own; the unionid is one WeChat user's in all shops of a company.
    null as open_uid,
    arg_max(union_id, modified_at) filter (where giver_id is null) as union_id,
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
        min(received_at) over (partition by account, coalesce(giver_id, owner_id)) as first_received_at
    from {{ ref('int_wechat_store__orders_classified') }}
) as records
where is_current and coalesce(giver_id, owner_id) is not null
group by account, coalesce(giver_id, owner_id)
