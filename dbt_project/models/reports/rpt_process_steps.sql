select
    business,
    channel,
    order_type,
    previous_activity,
    activity,
    step_kind,
    count(*) as step_count,
    count(distinct order_key) as order_count,
    cast(percentile_cont(0.5) within group (order by waited_seconds) as bigint) as waited_seconds_p50,
    cast(percentile_cont(0.9) within group (order by waited_seconds) as bigint) as waited_seconds_p90
from {{ ref('fct_order_activities') }}
group by business, channel, order_type, previous_activity, activity, step_kind
