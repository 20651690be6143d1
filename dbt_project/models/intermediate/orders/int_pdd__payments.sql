{{ config(enabled=source_is_enabled('pdd')) }}

select
    'pdd' as source,
    coalesce(provider_payment_no, order_no) as payment_no,
    order_no,
    case payment_method
        when 'ALIPAY' then 'alipay'
        when 'WEIXIN' then 'wechat_pay'
        else lower(payment_method)
    end as method,
    payment as amount,
    {{ currency_of('pdd') }} as currency_code,
    paid_at,
    received_at as known_at
from {{ ref('int_pdd__orders_classified') }}
where is_current and paid_at is not null
