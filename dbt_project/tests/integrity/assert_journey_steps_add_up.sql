-- Reached at the step before that is not optional = reached + open + dropped, in every cohort of every channel.
with steps as (
    select
        business,
        funnel,
        channel,
        cohort_date,
        step_number,
        sum(reached_count) as reached_count,
        sum(open_count) as open_count,
        sum(dropped_count) as dropped_count
    from {{ ref('rpt_journey_funnel_daily') }}
    where not is_optional
    group by business, funnel, channel, cohort_date, step_number
),

followed as (
    select
        *,
        lag(reached_count) over (
            partition by business, funnel, channel, cohort_date order by step_number
        ) as previous_count
    from steps
)

select *
from followed
where previous_count is not null and previous_count != reached_count + open_count + dropped_count
