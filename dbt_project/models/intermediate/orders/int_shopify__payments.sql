{{ config(enabled=source_is_enabled('shopify')) }}

select
    'shopify' as source,
    payment_no,
    order_no,
    method,
    amount,
    currency_code,
    paid_at,
    known_at
from {{ ref('int_shopify__money_received') }}
