{{ config(enabled=source_is_enabled('wechat_store')) }}

with paid as (
    select
        *,
        -- One payment can be for several orders: the first of them has its number, by which WeChat Pay's bills find it.
        row_number() over (
            partition by coalesce(provider_payment_no, order_no) order by created_at, order_no
        ) as order_rank
    from {{ ref('int_wechat_store__orders_classified') }}
    where is_current and paid_at is not null and payment > 0
)

select
    'wechat_store' as source,
    case
        when order_rank = 1 then coalesce(provider_payment_no, order_no)
        else provider_payment_no || '@' || order_no
    end as payment_no,
    order_no,
    case coalesce(payment_method, '1')
        when '1' then 'wechat_pay'
        when '2' then 'pay_later'
        when '4' then 'points'
        else payment_method
    end as method,
    payment as amount,
    {{ currency_of('wechat_store') }} as currency_code,
    paid_at,
    received_at as known_at
from paid
