{{ config(enabled=source_is_enabled('jd')) }}

-- An order that JD split counts as its parts: the original stays in the list, cancelled.
select
    'jd' as source,
    orders.account as channel,
    orders.order_no,
    'sale' as order_type,
    orders.buyer_id,
    orders.status as source_status,
    null as derived_status,
    orders.created_at,
    orders.paid_at,
    orders.record_amount as gross_amount,
    case when orders.paid_at is null then 0 else orders.record_amount end as paid_amount,
    {{ currency_of('jd') }} as currency_code,
    orders.province as province_name,
    'China' as country,
    orders.received_at as known_at
from {{ ref('int_jd__orders_classified') }} as orders
left join {{ ref('int_jd__split_orders') }} as split_orders
    on orders.account = split_orders.account and orders.order_no = split_orders.order_no
where orders.is_current and split_orders.order_no is null
