{{ config(enabled=source_is_enabled('taobao')) }}

select
    'taobao' as source,
    coalesce(provider_payment_no, order_no) as payment_no,
    order_no,
    'alipay' as method,
    payment as amount,
    {{ currency_of('taobao') }} as currency_code,
    paid_at,
    received_at as known_at
from {{ ref('int_taobao__orders_classified') }}
where is_current and paid_at is not null
