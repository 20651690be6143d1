-- Recency, frequency and monetary value of every customer with a purchase: a paid sale that was not cancelled.
-- Monetary value counts the customer's return documents too, so that goods returned count once; it adds up the
-- currency that most of the customer's documents have, and no other.
with clock as (
    select * from {{ ref('int_business_clock') }}
),

orders as (
    select
        orders.*,
        clock.as_of_date,
        orders.order_type = 'sale'
        and orders.paid_at is not null
        and orders.order_status != 'cancelled' as is_purchase
    from {{ ref('fct_orders') }} as orders
    inner join clock on orders.business = clock.business
    where
        orders.customer_key is not null
        and (
            {{ var('rfm_window_days') }} = 0
            or orders.created_on > clock.as_of_date - {{ var('rfm_window_days') }}
        )
),

currencies as (
    select
        customer_key,
        currency_code
    from orders
    group by customer_key, currency_code
    qualify row_number() over (
        partition by customer_key order by count(*) filter (where is_purchase) desc, count(*) desc, currency_code asc
    ) = 1
)

select
    orders.business,
    orders.customer_key,
    currencies.currency_code,
    min(orders.created_at) filter (where orders.is_purchase) as first_order_at,
    max(orders.created_at) filter (where orders.is_purchase) as last_order_at,
    cast(max(orders.as_of_date) - max(orders.created_on) filter (where orders.is_purchase) as integer) as rfm_recency,
    cast(count(*) filter (where orders.is_purchase) as integer) as rfm_frequency,
    cast(
        sum({{ rfm_amount() }}) filter (where orders.currency_code = currencies.currency_code) as decimal(18, 2)
    ) as rfm_monetary
from orders
inner join currencies on orders.customer_key = currencies.customer_key
group by orders.business, orders.customer_key, currencies.currency_code
having count(*) filter (where orders.is_purchase) > 0
