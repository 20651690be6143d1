with payments as (
    select * from {{ ref('int_payments_unioned') }}
),

channels_of_orders as (
    select
        order_key,
        channel
    from {{ ref('int_orders_unioned') }}
)

select
    payments.source || ':' || payments.payment_no as payment_key,
    {{ order_key('payments.source', 'payments.order_no') }} as order_key,
    payments.source,
    channels_of_orders.channel,
    payments.method,
    payments.amount,
    payments.currency_code,
    payments.paid_at,
    payments.known_at
from payments
left join channels_of_orders
    on {{ order_key('payments.source', 'payments.order_no') }} = channels_of_orders.order_key
