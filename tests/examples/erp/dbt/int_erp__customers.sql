{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    case kind when 'store' then 'pos' else kind end as channel,
    customer_id as buyer_id,
    name as name_token,
    phone as phone_token,
    province as province_name,
    registered_at,
    received_at as known_at
from {{ ref('int_erp__customers_classified') }}
where is_current
