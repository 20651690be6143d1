with outcomes as (
    {{ funnel_outcomes(
        ref('journey_events'), ref('journey_rules'), ref('journey_beginnings'), var('funnel_step_limit')
    ) | indent(4) }}
)

select
    outcomes.journey_key,
    rules.funnel,
    cast(outcomes.step_number as bigint) as step_number,
    rules.step_name,
    rules.is_optional,
    outcomes.outcome,
    outcomes.reached_at,
    outcomes.entered_at,
    outcomes.window_ends_at,
    outcomes.dropped_at,
    {{ seconds_between('outcomes.entered_at', 'outcomes.reached_at') }} as seconds_to_convert
from outcomes
inner join {{ ref('journey_rules') }} as rules
    on outcomes.scope = rules.scope and outcomes.step_number = rules.step_number
