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
    max(received_at) as known_at
from {{ ref('int_wechat_store__orders_classified') }}
where is_current and coalesce(giver_id, owner_id) is not null
group by account, coalesce(giver_id, owner_id)
