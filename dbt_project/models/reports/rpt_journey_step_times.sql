select
    journeys.business,
    journeys.funnel,
    journeys.channel,
    steps.step_number,
    steps.step_name,
    count(*) as reached_count,
    cast(percentile_cont(0.5) within group (order by steps.seconds_to_convert) as bigint) as seconds_p50,
    cast(percentile_cont(0.9) within group (order by steps.seconds_to_convert) as bigint) as seconds_p90
from {{ ref('fct_funnel_journey_steps') }} as steps
inner join {{ ref('fct_funnel_journeys') }} as journeys on steps.journey_key = journeys.journey_key
where steps.outcome = 'reached' and steps.seconds_to_convert is not null
group by journeys.business, journeys.funnel, journeys.channel, steps.step_number, steps.step_name
