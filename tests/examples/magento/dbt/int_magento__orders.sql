{{ config(enabled=source_is_enabled('magento')) }}

select
    'magento' as source,
    account as channel,
    order_no,
    'sale' as order_type,
    customer_id as buyer_id,
    status as source_status,
    null as derived_status,
    created_at,
    case when paid > 0 then created_at end as paid_at,
    total as gross_amount,
    coalesce(paid, 0) as paid_amount,
    {{ currency_of('magento') }} as currency_code,
    null as province_name,
    null as country,
    received_at as known_at
from {{ ref('int_magento__orders_classified') }}
where is_current
