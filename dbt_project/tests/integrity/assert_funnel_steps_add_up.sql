-- Reached in the step before = reached + open + dropped, in orders and in money, for every cohort and step.
with steps as (
    select
        *,
        lag(reached_count) over step_order as previous_count,
        lag(reached_amount) over step_order as previous_amount
    from {{ ref('rpt_funnel_daily') }}
    where step_kind = 'step'
    window step_order as (
        partition by business, channel, currency_code, funnel, cohort_date order by step_number
    )
)

select *
from steps
where
    step_number > 1
    and (
        previous_count != reached_count + open_count + dropped_count
        or previous_amount != reached_amount + open_amount + dropped_amount
    )
