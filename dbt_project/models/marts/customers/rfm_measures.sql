-- Recency, frequency and monetary value of every customer with a purchase: a paid sale that was not cancelled.
-- Monetary value counts the customer's return documents too, so that goods returned count once.
with clock as (
    select * from {{ ref('int_source_clock') }}
),

orders as (
    select
        orders.*,
        clock.as_of_date,
        orders.order_type = 'sale'
        and orders.paid_at is not null
        and orders.order_status != 'cancelled' as is_purchase
    from {{ ref('fct_orders') }} as orders
    inner join clock on orders.source = clock.source
    where
        orders.customer_key is not null
        and (
            {{ var('rfm_window_days') }} = 0
            or orders.created_on > clock.as_of_date - {{ var('rfm_window_days') }}
        )
)

select
    source,
    customer_key,
    min(created_at) filter (where is_purchase) as first_order_at,
    max(created_at) filter (where is_purchase) as last_order_at,
    cast(max(as_of_date) - max(created_on) filter (where is_purchase) as integer) as rfm_recency,
    cast(count(*) filter (where is_purchase) as integer) as rfm_frequency,
    cast(sum({{ rfm_amount() }}) as decimal(18, 2)) as rfm_monetary
from orders
group by source, customer_key
having count(*) filter (where is_purchase) > 0
