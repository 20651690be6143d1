-- Sales that count as paid against the payments the shop recorded; of sources that tell payments only.
with orders as (
    select * from {{ ref('fct_orders') }}
    where
        order_type = 'sale'
        and {{ is_one_of('source', var('canonical_sources')['payments']) }}
),

payments as (
    select
        order_key,
        max(business) as business,
        max(source) as source,
        max(channel) as channel,
        sum(amount) as paid_amount,
        count(*) as payment_count,
        count(distinct amount) as amount_count,
        max(currency_code) as currency_code,
        min({{ business_date('paid_at') }}) as paid_on,
        max(known_at) as known_at
    from {{ ref('fct_payments') }}
    group by order_key
)

select
    coalesce(orders.business, payments.business) as business,
    coalesce(orders.source, payments.source) as provider,
    coalesce(orders.channel, payments.channel) as channel,
    coalesce(orders.order_key, payments.order_key) as order_key,
    orders.order_key is not null as has_order,
    payments.order_key is not null as has_payment,
    case when orders.order_key is not null then coalesce(orders.paid_amount, 0) end as recorded_amount,
    cast(payments.paid_amount as decimal(18, 2)) as reported_amount,
    payments.payment_count > 1
    and payments.amount_count = 1
    and payments.paid_amount > coalesce(orders.paid_amount, 0) as is_repeated,
    coalesce(orders.currency_code, payments.currency_code) as currency_code,
    coalesce({{ business_date('orders.paid_at') }}, payments.paid_on, orders.created_on) as item_on,
    greatest(coalesce(orders.known_at, payments.known_at), coalesce(payments.known_at, orders.known_at)) as known_at
from orders
full outer join payments on orders.order_key = payments.order_key
where coalesce(orders.paid_amount, 0) <> 0 or coalesce(payments.paid_amount, 0) <> 0
