{{ config(enabled=source_is_enabled('shopify')) }}

with orders as (
    select
        *,
        coalesce(is_test, false) as is_test_order,
        coalesce(financial_status, 'PENDING') as money_status
    from {{ ref('int_shopify__orders_classified') }}
    where is_current
),

paid as (
    select
        channel,
        order_no,
        sum(amount) as amount,
        max(paid_at) as paid_at
    from {{ ref('int_shopify__money_received') }}
    group by channel, order_no
)

select
    'shopify' as source,
    orders.account as channel,
    orders.order_no,
    case
        when orders.is_test_order then 'test'
        when orders.total_amount = 0 then 'sample' -- nothing was ever to be paid
        else 'sale'
    end as order_type,
    case when not orders.is_test_order then {{ shopify_number('orders.buyer_id') }} end as buyer_id,
    case
        when orders.cancelled_at is not null then 'CANCELLED/' || orders.money_status
        else orders.money_status || '/' || orders.fulfillment_status
    end as source_status,
    null as derived_status,
    -- An imported order was processed before Shopify created it.
    least(orders.created_at, coalesce(orders.processed_at, orders.created_at)) as created_at,
    -- Paid when all of it is: a partial payment is money, but the order still waits for the rest.
    case
        when not orders.is_test_order and orders.money_status in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')
            then paid.paid_at
    end as paid_at,
    -- total_amount never shrinks, current_amount shrinks by refunds and by lines that an edit took out: what
    -- is left plus what went back is what was ordered. Cancelling takes everything out.
    case
        when orders.cancelled_at is not null or orders.current_amount is null then orders.total_amount
        else greatest(
            orders.current_amount + coalesce(orders.refunded_amount, 0), coalesce(orders.received_amount, 0)
        )
    end as gross_amount,
    case when orders.is_test_order then 0 else coalesce(paid.amount, 0) end as paid_amount,
    orders.currency_code,
    orders.province as province_name,
    orders.country,
    orders.received_at as known_at
from orders
left join paid on orders.account = paid.channel and orders.order_no = paid.order_no
