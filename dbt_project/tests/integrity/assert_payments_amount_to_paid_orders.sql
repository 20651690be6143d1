{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_payments'}}}) }}

-- What an order says was paid is the sum of its payments, wherever payments of its source's orders are reported, by
-- that source or another. A warning: the difference is the source's, or a payment is late or in quarantine.
with payments as (
    select
        order_key,
        sum(amount) as amount
    from {{ ref('fct_payments') }}
    group by order_key
),

reporting_sources as (
    select distinct orders.source
    from {{ ref('fct_payments') }} as payments
    inner join {{ ref('fct_orders') }} as orders on payments.order_key = orders.order_key
)

select
    orders.order_key,
    orders.paid_amount,
    payments.amount
from {{ ref('fct_orders') }} as orders
inner join reporting_sources on orders.source = reporting_sources.source
left join payments on orders.order_key = payments.order_key
where orders.paid_amount != coalesce(payments.amount, 0)
