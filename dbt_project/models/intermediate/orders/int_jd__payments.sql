{{ config(enabled=source_is_enabled('jd')) }}

-- JD names no payment: an order is paid once, through JD's own cashier or on delivery (`1-...`).
select
    'jd' as source,
    orders.order_no as payment_no,
    orders.order_no,
    case when orders.payment_method like '1%' then 'cash_on_delivery' else 'jd' end as method,
    orders.record_amount as amount,
    {{ currency_of('jd') }} as currency_code,
    orders.paid_at,
    orders.received_at as known_at
from {{ ref('int_jd__orders_classified') }} as orders
left join {{ ref('int_jd__split_orders') }} as split_orders
    on orders.account = split_orders.account and orders.order_no = split_orders.order_no
where orders.is_current and orders.paid_at is not null and split_orders.order_no is null
