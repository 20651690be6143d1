{{ config(enabled=source_is_enabled('pdd')) }}

-- Pinduoduo closes no order: one whose whole payment went back before its buyer received it is cancelled.
with refunded as (
    select
        account,
        order_no,
        sum(amount) as amount
    from {{ ref('int_pdd__refunds_classified') }}
    where is_current and status = '10'
    group by account, order_no
)

select
    'pdd' as source,
    orders.account as channel,
    orders.order_no,
    'sale' as order_type,
    null as buyer_id,
    orders.status as source_status,
    case
        when orders.deal_status = '2' then 'cancelled'
        when orders.received_by_buyer_at is null and orders.payment > 0 and refunded.amount >= orders.payment
            then 'cancelled'
    end as derived_status,
    orders.created_at,
    orders.paid_at,
    orders.payment as gross_amount,
    case when orders.paid_at is null then 0 else orders.payment end as paid_amount,
    {{ currency_of('pdd') }} as currency_code,
    orders.province as province_name,
    'China' as country,
    orders.received_at as known_at
from {{ ref('int_pdd__orders_classified') }} as orders
left join refunded on orders.account = refunded.account and orders.order_no = refunded.order_no
where orders.is_current
