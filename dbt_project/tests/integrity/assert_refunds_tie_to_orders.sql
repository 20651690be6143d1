{{ config(meta={'dagster': {'ref': {'name': 'fct_refunds'}}}) }}

-- Money given back is the same on the refunds and on the orders they belong to.
with refunds as (
    select
        order_key,
        sum(amount) as amount
    from {{ ref('fct_refunds') }}
    where refund_status = 'refunded'
    group by order_key
)

select
    orders.order_key,
    orders.refunded_amount,
    refunds.amount
from {{ ref('fct_orders') }} as orders
left join refunds on orders.order_key = refunds.order_key
where orders.refunded_amount != coalesce(refunds.amount, 0)
