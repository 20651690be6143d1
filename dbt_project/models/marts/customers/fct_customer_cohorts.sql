-- People are counted once, in the row of their first purchase's channel and currency; amounts stand in the row of
-- their own currency, so nothing is converted and nothing is lost. Net amounts are dated by the order, and what came
-- back before a first purchase (goods from before the history) belongs to month 0.
with clock as (
    select
        business,
        as_of_date,
        as_of
    from {{ ref('int_business_clock') }}
),

orders as (
    select * from {{ ref('fct_person_orders') }}
),

persons as (
    select
        business,
        person_key,
        channel as first_channel,
        currency_code as first_currency_code,
        created_on as first_on,
        cast(date_trunc('month', created_on) as date) as cohort_month
    from orders
    where is_first_order
),

activity as (
    select
        persons.business,
        persons.person_key,
        persons.first_channel,
        persons.first_currency_code,
        persons.cohort_month,
        greatest({{ months_between('persons.first_on', 'orders.created_on') }}, 0) as months_since,
        orders.is_purchase,
        orders.net_amount,
        orders.currency_code
    from orders
    inner join persons on orders.business = persons.business and orders.person_key = persons.person_key
),

people as (
    select
        business,
        first_channel,
        first_currency_code as currency_code,
        cohort_month,
        months_since,
        count(distinct person_key) as active_person_count
    from activity
    where is_purchase
    group by business, first_channel, first_currency_code, cohort_month, months_since
),

amounts as (
    select
        business,
        first_channel,
        currency_code,
        cohort_month,
        months_since,
        count(*) filter (where is_purchase) as order_count,
        sum(net_amount) as net_amount
    from activity
    group by business, first_channel, currency_code, cohort_month, months_since
),

cohorts as (
    select
        amounts.business,
        amounts.first_channel,
        amounts.currency_code,
        amounts.cohort_month,
        max({{ months_between('amounts.cohort_month', 'clock.as_of_date') }}) as last_month
    from amounts
    inner join clock on amounts.business = clock.business
    group by amounts.business, amounts.first_channel, amounts.currency_code, amounts.cohort_month
),

sizes as (
    select
        business,
        first_channel,
        first_currency_code as currency_code,
        cohort_month,
        count(*) as cohort_person_count
    from persons
    group by business, first_channel, first_currency_code, cohort_month
),

months as (
    {{ numbered_rows(
        'cohorts',
        ['business', 'first_channel', 'currency_code', 'cohort_month'],
        'last_month',
        'months_since'
    ) }}
),

dated as (
    select
        *,
        {{ months_later('cohort_month', 'months_since') }} as activity_month,
        {{ months_later('cohort_month', 'months_since + 1') }} - 1 as last_day
    from months
),

filled as (
    select
        dated.business,
        dated.first_channel,
        dated.currency_code,
        dated.cohort_month,
        dated.months_since,
        dated.activity_month,
        clock.as_of_date > dated.last_day as is_complete,
        coalesce(sizes.cohort_person_count, 0) as cohort_person_count,
        coalesce(people.active_person_count, 0) as active_person_count,
        coalesce(amounts.order_count, 0) as order_count,
        coalesce(amounts.net_amount, 0) as net_amount
    from dated
    inner join clock on dated.business = clock.business
    left join sizes
        on
            dated.business = sizes.business
            and dated.first_channel = sizes.first_channel
            and dated.currency_code = sizes.currency_code
            and dated.cohort_month = sizes.cohort_month
    left join people
        on
            dated.business = people.business
            and dated.first_channel = people.first_channel
            and dated.currency_code = people.currency_code
            and dated.cohort_month = people.cohort_month
            and dated.months_since = people.months_since
    left join amounts
        on
            dated.business = amounts.business
            and dated.first_channel = amounts.first_channel
            and dated.currency_code = amounts.currency_code
            and dated.cohort_month = amounts.cohort_month
            and dated.months_since = amounts.months_since
)

select
    business,
    first_channel,
    currency_code,
    cohort_month,
    cast(months_since as integer) as months_since,
    activity_month,
    is_complete,
    cohort_person_count,
    active_person_count,
    order_count,
    cast(net_amount as decimal(18, 2)) as net_amount,
    cast(sum(order_count) over cohort_so_far as bigint) as cumulative_order_count,
    cast(sum(net_amount) over cohort_so_far as decimal(18, 2)) as cumulative_net_amount
from filled
window cohort_so_far as (
    partition by business, first_channel, currency_code, cohort_month order by months_since
)
