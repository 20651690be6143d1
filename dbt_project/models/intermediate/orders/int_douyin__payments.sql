{{ config(enabled=source_is_enabled('douyin')) }}

with paid as (
    select
        *,
        -- One payment can be for several orders: the first of them has its number.
        row_number() over (
            partition by coalesce(provider_payment_no, order_no) order by created_at, order_no
        ) as order_rank
    from {{ ref('int_douyin__orders_classified') }}
    where is_current and paid_at is not null and main_status is distinct from '103'
)

select
    'douyin' as source,
    case
        when order_rank = 1 then coalesce(provider_payment_no, order_no)
        else provider_payment_no || '@' || order_no
    end as payment_no,
    order_no,
    case pay_type
        when '0' then 'cash_on_delivery'
        when '1' then 'wechat_pay'
        when '2' then 'alipay'
        when '4' then 'card'
        when '7' then 'none'
        when '8' then 'instalments'
        when '9' then 'card'
        when '12' then 'pay_later'
        else pay_type
    end as method,
    payment as amount,
    {{ currency_of('douyin') }} as currency_code,
    paid_at,
    received_at as known_at
from paid
