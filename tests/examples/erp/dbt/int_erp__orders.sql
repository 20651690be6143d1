{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    kind as channel,
    order_no,
    'sale' as order_type,
    customer_id as buyer_id,
    status as source_status,
    null as derived_status,
    ordered_at as created_at,
    paid_at,
    total as gross_amount,
    coalesce(paid, 0) as paid_amount,
    {{ currency_of('erp') }} as currency_code,
    null as province_name,
    null as country,
    received_at as known_at
from {{ ref('int_erp__orders_classified') }}
where is_current
