-- What the audit of an order looks at beside the order: who buys, for the how many-th time, in which segment the
-- person was before the order, and what the customer on credit owes today.
with orders as (
    select
        orders.order_key,
        orders.business,
        orders.source,
        orders.channel,
        orders.order_no,
        orders.order_type,
        orders.order_status,
        orders.customer_key,
        coalesce(accounts.person_key, orders.customer_key) as person_key,
        orders.created_at,
        orders.created_on,
        orders.gross_amount,
        orders.paid_amount,
        orders.currency_code,
        coalesce(purchases.is_purchase, false) as is_purchase,
        orders.known_at
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('person_accounts') }} as accounts on orders.customer_key = accounts.customer_key
    left join {{ ref('fct_person_orders') }} as purchases on orders.order_key = purchases.order_key
),

counted as (
    select
        *,
        sum(case when is_purchase then 1 else 0 end) over (
            partition by business, person_key
            order by created_at, order_key
            rows between unbounded preceding and 1 preceding
        ) as earlier_purchases
    from orders
),

-- The newest segmentation that was finished before the day of the order.
-- For each day with orders, the newest segmentation that was finished before it.
order_days as (
    select distinct
        business,
        created_on
    from orders
),

segment_dates as (
    select
        days.business,
        days.created_on,
        max(dates.as_of_date) as as_of_date
    from order_days as days
    inner join {{ ref('rfm_dates') }} as dates
        on days.business = dates.business and days.created_on > dates.as_of_date
    group by days.business, days.created_on
)

select
    counted.order_key,
    counted.business,
    counted.source,
    counted.channel,
    counted.order_no,
    counted.order_type,
    counted.order_status,
    counted.customer_key,
    counted.person_key,
    counted.created_at,
    counted.created_on,
    counted.gross_amount,
    counted.paid_amount,
    counted.currency_code,
    case
        when counted.person_key is not null then cast(coalesce(counted.earlier_purchases, 0) as bigint)
    end as previous_purchase_count,
    segments.rfm_segment as previous_rfm_segment,
    exposures.credit_limit,
    exposures.exposure_amount,
    exposures.headroom_amount,
    coalesce(exposures.is_over_limit, false) as is_over_limit,
    counted.known_at
from counted
left join segment_dates
    on counted.business = segment_dates.business and counted.created_on = segment_dates.created_on
left join {{ ref('fct_person_segments') }} as segments
    on
        counted.business = segments.business
        and counted.person_key = segments.person_key
        and segment_dates.as_of_date = segments.as_of_date
left join {{ ref('fct_customer_exposures') }} as exposures
    on
        counted.customer_key = exposures.customer_key
        and counted.currency_code = exposures.currency_code
