with steps as (
    select * from {{ ref('funnel_steps') }}
),

attempts as (
    select
        orders.business,
        orders.channel,
        orders.currency_code,
        orders.created_on as cohort_date,
        funnel.funnel,
        funnel.step_number,
        funnel.outcome,
        funnel.amount
    from {{ ref('fct_order_funnel') }} as funnel
    inner join {{ ref('fct_orders') }} as orders on funnel.order_key = orders.order_key
),

cohorts as (
    select distinct
        business,
        channel,
        currency_code,
        cohort_date,
        funnel
    from attempts
),

counted as (
    select
        business,
        channel,
        currency_code,
        cohort_date,
        funnel,
        step_number,
        count(*) filter (where outcome = 'reached') as reached_count,
        count(*) filter (where outcome = 'open') as open_count,
        count(*) filter (where outcome = 'dropped') as dropped_count,
        sum(amount) filter (where outcome = 'reached') as reached_amount,
        sum(amount) filter (where outcome = 'open') as open_amount,
        sum(amount) filter (where outcome = 'dropped') as dropped_amount
    from attempts
    group by business, channel, currency_code, cohort_date, funnel, step_number
)

select
    cohorts.business,
    cohorts.channel,
    cohorts.funnel,
    cohorts.cohort_date,
    steps.step_number,
    steps.step_name,
    steps.step_kind,
    coalesce(counted.reached_count, 0) as reached_count,
    coalesce(counted.open_count, 0) as open_count,
    coalesce(counted.dropped_count, 0) as dropped_count,
    cast(coalesce(counted.reached_amount, 0) as decimal(18, 2)) as reached_amount,
    cast(coalesce(counted.open_amount, 0) as decimal(18, 2)) as open_amount,
    cast(coalesce(counted.dropped_amount, 0) as decimal(18, 2)) as dropped_amount,
    cohorts.currency_code
from cohorts
inner join steps on cohorts.funnel = steps.funnel
left join counted
    on
        cohorts.business = counted.business
        and cohorts.channel = counted.channel
        and cohorts.currency_code = counted.currency_code
        and cohorts.cohort_date = counted.cohort_date
        and cohorts.funnel = counted.funnel
        and steps.step_number = counted.step_number
