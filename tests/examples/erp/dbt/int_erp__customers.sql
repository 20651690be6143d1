{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    case kind when 'store' then 'pos' else kind end as channel,
    customer_id as buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    name as full_name_token,
    null as email_token,
    null as open_uid,
    null as union_id,
    null as name_parts,
    null as masked_phone_token,
    null as email_parts,
    null as birth_date_token,
    null as address_parts,
    first_received_at as first_known_at,
    received_at as known_at
from (
    select
        *,
        min(received_at) over (partition by customer_id) as first_received_at
    from {{ ref('int_erp__customers_classified') }}
) as records
where is_current
