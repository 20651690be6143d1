-- A day of a channel is complete when the source of its newest orders has gone past it. A source that is merely
-- late leaves its days open; one that stays silent for `late_source_hours` more has had no orders.
with clock as (
    select * from {{ ref('int_business_clock') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
    where order_type in ('sale', 'return')
),

newest_orders as (
    select
        business,
        channel,
        source,
        max(created_at) as newest_at
    from orders
    group by business, channel, source
),

channel_clocks as (
    select
        newest_orders.business,
        newest_orders.channel,
        source_clock.as_of
    from newest_orders
    inner join {{ ref('int_source_clock') }} as source_clock on newest_orders.source = source_clock.source
    qualify row_number() over (
        partition by newest_orders.business, newest_orders.channel
        order by newest_orders.newest_at desc, source_clock.as_of desc
    ) = 1
),

spans as (
    select
        orders.business,
        orders.channel,
        orders.currency_code,
        min(orders.created_on) as first_date,
        max(clock.as_of_date) as last_date
    from orders
    inner join clock on orders.business = clock.business
    group by orders.business, orders.channel, orders.currency_code
),

days as (
    {{ dates_between('spans', ['business', 'channel', 'currency_code'], 'first_date', 'last_date') }}
),

totals as (
    select
        business,
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
    group by business, channel, currency_code, created_on
),

filled as (
    select
        days.business,
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
            days.business = totals.business
            and days.channel = totals.channel
            and days.currency_code = totals.currency_code
            and days.business_date = totals.business_date
),

expectations as (
    select
        today.business,
        today.channel,
        today.currency_code,
        today.business_date,
        case when count(*) >= 2 then median(earlier.order_count) end as expected_order_count
    from filled as today
    inner join filled as earlier
        on
            today.business = earlier.business
            and today.channel = earlier.channel
            and today.currency_code = earlier.currency_code
            and earlier.business_date between today.business_date - 7 * {{ var('expectation_weeks') }}
            and today.business_date - 7
            and (today.business_date - earlier.business_date) % 7 = 0
    group by today.business, today.channel, today.currency_code, today.business_date
)

select
    filled.business,
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
    {{ end_of_business_date('filled.business_date') }} <= channel_clocks.as_of
    or {{ hours_later(end_of_business_date('filled.business_date'), var('late_source_hours')) }}
    <= clock.as_of as is_complete_day
from filled
inner join clock on filled.business = clock.business
inner join channel_clocks
    on filled.business = channel_clocks.business and filled.channel = channel_clocks.channel
left join expectations
    on
        filled.business = expectations.business
        and filled.channel = expectations.channel
        and filled.currency_code = expectations.currency_code
        and filled.business_date = expectations.business_date
