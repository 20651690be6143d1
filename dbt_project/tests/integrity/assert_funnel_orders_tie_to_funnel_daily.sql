{{ config(meta={'dagster': {'ref': {'name': 'rpt_funnel_orders'}}}) }}

-- The order list behind a bar has as many orders as the bar says, for drop-offs and open orders of every step.
with listed as (
    select
        business,
        channel,
        funnel,
        cohort_date,
        last_step_number + 1 as step_number,
        count(*) filter (where next_outcome = 'dropped') as dropped_count,
        count(*) filter (where next_outcome = 'open') as open_count
    from {{ ref('rpt_funnel_orders') }}
    group by business, channel, funnel, cohort_date, last_step_number
),

bars as (
    select
        business,
        channel,
        funnel,
        cohort_date,
        step_number,
        sum(dropped_count) as dropped_count,
        sum(open_count) as open_count
    from {{ ref('rpt_funnel_daily') }}
    where step_kind = 'step'
    group by business, channel, funnel, cohort_date, step_number
)

select bars.*
from bars
left join listed
    on
        bars.business = listed.business
        and bars.channel = listed.channel
        and bars.funnel = listed.funnel
        and bars.cohort_date = listed.cohort_date
        and bars.step_number = listed.step_number
where
    bars.dropped_count != coalesce(listed.dropped_count, 0)
    or bars.open_count != coalesce(listed.open_count, 0)
