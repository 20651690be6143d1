{{ config(enabled=source_is_enabled('woocommerce')) }}

select
    'woocommerce' as source,
    account as channel,
    customer_id as buyer_id,
    arg_max(buyer_last_name, modified_at) as name_token,
    arg_max(buyer_phone, modified_at) as phone_token,
    arg_max(province, modified_at) as province_name,
    min(created_at) as registered_at,
    null as full_name_token,
    arg_max(buyer_email, modified_at) as email_token,
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
        min(received_at) over (partition by account, customer_id) as first_received_at
    from {{ ref('int_woocommerce__orders_classified') }}
) as records
where is_current and nullif(customer_id, '0') is not null
group by account, customer_id
