with paths as (
    select
        order_key,
        {{ joined_in_order('activity', ' > ', 'activity_number') }} as order_path,
        count(*) as activity_count,
        count(*) - count(distinct activity) as repeated_count,
        count(*) filter (where step_kind = 'rework') as rework_count,
        count(*) filter (where step_kind = 'deviation') as deviation_count,
        min(event_at) as began_at,
        max(event_at) as last_activity_at,
        max(known_at) as known_at
    from {{ ref('fct_order_activities') }}
    group by order_key
)

select
    orders.order_key,
    orders.business,
    orders.source,
    orders.channel,
    orders.order_type,
    paths.order_path,
    paths.activity_count,
    paths.repeated_count,
    paths.rework_count,
    paths.deviation_count,
    paths.deviation_count = 0 as is_conformant,
    orders.settled_at is null and orders.cancelled_at is null as is_running,
    paths.began_at,
    {{ business_date('paths.began_at') }} as began_on,
    paths.last_activity_at,
    {{ seconds_between('paths.began_at', 'paths.last_activity_at') }} as path_seconds,
    orders.gross_amount,
    orders.currency_code,
    paths.known_at
from paths
inner join {{ ref('fct_order_milestones') }} as orders on paths.order_key = orders.order_key
