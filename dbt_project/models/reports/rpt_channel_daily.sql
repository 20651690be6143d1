with clock as (
    select * from {{ ref('int_source_clock') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
    where order_type in ('sale', 'return')
),

spans as (
    select
        orders.source,
        orders.channel,
        orders.currency_code,
        min(orders.created_on) as first_date,
        max(clock.as_of_date) as last_date
    from orders
    inner join clock on orders.source = clock.source
    group by orders.source, orders.channel, orders.currency_code
),

days as (
    {{ dates_between('spans', ['source', 'channel', 'currency_code'], 'first_date', 'last_date') }}
),

totals as (
    select
        source,
        channel,
        currency_code,
        created_on as business_date,
        count(*) filter (where order_type = 'sale') as order_count,
        count(*) filter (where order_type = 'sale' and paid_at is not null) as paid_order_count,
        sum(unit_count) filter (where order_type = 'sale') as unit_count,
        sum(gross_amount) filter (where order_type = 'sale') as gross_amount,
        sum(net_paid_amount) as net_paid_amount,
        sum(refunded_amount) as refunded_amount,
        count(distinct customer_key) filter (where order_type = 'sale') as customer_count
    from orders
    group by source, channel, currency_code, created_on
),

filled as (
    select
        days.source,
        days.channel,
        days.business_date,
        days.currency_code,
        coalesce(totals.order_count, 0) as order_count,
        coalesce(totals.paid_order_count, 0) as paid_order_count,
        cast(coalesce(totals.unit_count, 0) as bigint) as unit_count,
        cast(coalesce(totals.gross_amount, 0) as decimal(18, 2)) as gross_amount,
        cast(coalesce(totals.net_paid_amount, 0) as decimal(18, 2)) as net_paid_amount,
        cast(coalesce(totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
        coalesce(totals.customer_count, 0) as customer_count
    from days
    left join totals
        on
            days.source = totals.source
            and days.channel = totals.channel
            and days.currency_code = totals.currency_code
            and days.business_date = totals.business_date
),

expectations as (
    select
        today.source,
        today.channel,
        today.currency_code,
        today.business_date,
        case when count(*) >= 2 then median(earlier.order_count) end as expected_order_count
    from filled as today
    inner join filled as earlier
        on
            today.source = earlier.source
            and today.channel = earlier.channel
            and today.currency_code = earlier.currency_code
            and earlier.business_date between today.business_date - 7 * {{ var('expectation_weeks') }}
            and today.business_date - 7
            and (today.business_date - earlier.business_date) % 7 = 0
    group by today.source, today.channel, today.currency_code, today.business_date
)

select
    filled.source,
    filled.channel,
    filled.business_date,
    filled.currency_code,
    filled.order_count,
    filled.paid_order_count,
    filled.unit_count,
    filled.gross_amount,
    filled.net_paid_amount,
    filled.refunded_amount,
    filled.customer_count,
    cast(expectations.expected_order_count as decimal(18, 2)) as expected_order_count,
    {{ end_of_business_date('filled.business_date') }} <= clock.as_of as is_complete_day
from filled
inner join clock on filled.source = clock.source
left join expectations
    on
        filled.source = expectations.source
        and filled.channel = expectations.channel
        and filled.currency_code = expectations.currency_code
        and filled.business_date = expectations.business_date
