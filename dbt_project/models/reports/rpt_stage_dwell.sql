with stages as (
    select
        *,
        case when stage_status = 'done' then dwell_seconds end as done_dwell_seconds,
        case when stage_status = 'done' then working_seconds end as done_working_seconds
    from {{ ref('fct_order_stages') }}
)

select
    business,
    channel,
    stage,
    department,
    count(*) as entered_count,
    count(*) filter (where stage_status = 'done') as done_count,
    count(*) filter (where stage_status = 'running') as running_count,
    count(*) filter (where stage_status = 'cancelled') as cancelled_count,
    count(*) filter (where stage_status = 'skipped') as skipped_count,
    count(*) filter (where is_breached) as breached_count,
    count(*) filter (where is_breached and stage_status = 'running') as running_breached_count,
    cast(percentile_cont(0.5) within group (order by done_dwell_seconds) as bigint) as dwell_seconds_p50,
    cast(percentile_cont(0.9) within group (order by done_dwell_seconds) as bigint) as dwell_seconds_p90,
    cast(percentile_cont(0.95) within group (order by done_dwell_seconds) as bigint) as dwell_seconds_p95,
    cast(percentile_cont(0.5) within group (order by done_working_seconds) as bigint) as working_seconds_p50,
    cast(percentile_cont(0.9) within group (order by done_working_seconds) as bigint) as working_seconds_p90,
    cast(percentile_cont(0.95) within group (order by done_working_seconds) as bigint) as working_seconds_p95
from stages
group by business, channel, stage, department
