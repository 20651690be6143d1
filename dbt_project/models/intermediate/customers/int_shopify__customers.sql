{{ config(enabled=source_is_enabled('shopify')) }}

select
    'shopify' as source,
    account as channel,
    {{ shopify_number('buyer_id') }} as buyer_id,
    -- Without Shopify's approval for protected customer data, names and phones are null.
    arg_max(buyer_name, modified_at) as name_token,
    arg_max(buyer_phone, modified_at) as phone_token,
    arg_max(province, modified_at) as province_name,
    min(created_at) as registered_at,
    arg_max(buyer_name, modified_at) as full_name_token,
    null as email_token,
    null as open_uid,
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
    from {{ ref('int_shopify__orders_classified') }}
) as records
where is_current and buyer_id is not null and not coalesce(is_test, false)
group by account, buyer_id
