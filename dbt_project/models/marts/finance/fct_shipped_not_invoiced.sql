-- Orders on credit that have left and have no invoice; only of sources that keep a ledger of invoices.
with invoiced_orders as (
    select distinct order_key
    from {{ ref('fct_invoices') }}
    where order_key is not null
),

invoicing as (
    select distinct
        business,
        channel
    from {{ ref('fct_invoices') }}
),

clock as (
    select * from {{ ref('int_business_clock') }}
),

orders as (
    select
        *,
        coalesce({{ business_date('shipped_at') }}, created_on) as left_on
    from {{ ref('fct_orders') }}
    where order_type = 'wholesale' and order_status in ('shipped', 'delivered', 'completed')
)

select
    orders.order_key,
    orders.business,
    orders.source,
    orders.channel,
    orders.order_no,
    orders.customer_key,
    orders.order_status,
    orders.left_on,
    orders.gross_amount,
    orders.currency_code,
    orders.known_at
from orders
inner join invoicing on orders.business = invoicing.business and orders.channel = invoicing.channel
inner join clock on orders.business = clock.business
left join invoiced_orders on orders.order_key = invoiced_orders.order_key
where
    invoiced_orders.order_key is null
    and orders.left_on + {{ var('invoicing_days') }} <= clock.as_of_date
