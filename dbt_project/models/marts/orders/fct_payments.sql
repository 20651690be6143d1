{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{{ follow('orders') }}

-- An order of the record's own source comes first; else its number is looked for in the whole business, and counts
-- where one order has it. A number that nobody has yet keeps the key of its own source.
with payments as (
    select * from {{ ref('int_payments_unioned') }}
    {{ where_touched() }}
)

select
    payments.source || ':' || payments.payment_no as payment_key,
    coalesce(
        own_order.order_key,
        other_order.order_key,
        {{ order_key('payments.source', 'payments.order_no') }}
    ) as order_key,
    payments.order_no,
    payments.business,
    payments.source,
    coalesce(own_order.channel, other_order.channel) as channel,
    payments.method,
    payments.amount,
    payments.currency_code,
    payments.paid_at,
    {{ business_date('payments.paid_at') }} as paid_on,
    payments.known_at
from payments
left join {{ ref('int_orders_unioned') }} as own_order
    on {{ order_key('payments.source', 'payments.order_no') }} = own_order.order_key
left join {{ ref('int_order_numbers') }} as other_order
    on payments.business = other_order.business and payments.order_no = other_order.order_no
