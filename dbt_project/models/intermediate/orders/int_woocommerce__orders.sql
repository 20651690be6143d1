{{ config(enabled=source_is_enabled('woocommerce')) }}

select
    'woocommerce' as source,
    account as channel,
    -- Every site counts its orders from 1: only with the account a number is unique.
    account || '/' || order_id as order_no,
    'sale' as order_type,
    nullif(customer_id, '0') as buyer_id,
    status as source_status,
    null as derived_status,
    created_at,
    paid_at,
    total_amount as gross_amount,
    case when paid_at is null then 0 else total_amount end as paid_amount,
    currency_code,
    province as province_name,
    country,
    received_at as known_at
from {{ ref('int_woocommerce__orders_classified') }}
where is_current
