select
    business,
    channel,
    order_type,
    order_path,
    currency_code,
    is_conformant,
    min(activity_count) as activity_count,
    min(rework_count) as rework_count,
    min(deviation_count) as deviation_count,
    min(repeated_count) as repeated_count,
    count(*) as order_count,
    count(*) filter (where is_running) as running_count,
    cast(sum(gross_amount) as decimal(18, 2)) as gross_amount,
    cast(percentile_cont(0.5) within group (order by path_seconds) as bigint) as path_seconds_p50,
    cast(percentile_cont(0.9) within group (order by path_seconds) as bigint) as path_seconds_p90
from {{ ref('fct_order_paths') }}
group by business, channel, order_type, order_path, currency_code, is_conformant
