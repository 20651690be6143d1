{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    order_no,
    order_type,
    buyer_id,
    status as source_status,
    null as derived_status,
    created_at,
    paid_at,
    total_amount as gross_amount,
    case when paid_at is null then 0 else coalesce(paid_amount, total_amount) end as paid_amount,
    {{ currency_of('sandbox') }} as currency_code,
    province as province_name,
    'China' as country,
    received_at as known_at
from {{ ref('int_sandbox__orders_classified') }}
where is_current
