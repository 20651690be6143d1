{{ config(materialized='incremental') }}

-- What a journey's rows depend on: its events, whether and when it was given up, which their hash covers, and the
-- rules of its scope.
{%- set inputs -%}
    select
        input.journey_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            events.journey_key,
            events.row_hash as events,
            rules.content as rules
        from (
            select distinct
                journey_key,
                scope,
                row_hash
            from {{ ref('journey_events') }}
            where step_number = 1
        ) as events
        inner join (
            select
                rule.scope,
                sum({{ row_hash('rule') }}) as content
            from {{ ref('journey_rules') }} as rule
            group by rule.scope
        ) as rules on events.scope = rules.scope
    ) as input
{%- endset %}
{%- set journeys -%}
    select
        beginnings.journey_key,
        beginnings.scope,
        beginnings.ended_at,
        clock.as_of
    from {{ ref('journey_beginnings') }} as beginnings
    left join {{ ref('int_business_clock') }} as clock on beginnings.business = clock.business
{%- endset %}

-- And on the business's clock, where the next step is still open or would be again.
{%- set expired -%}
    select written.journey_key
    from (
        select *
        from {{ this }}
        where
            outcome = 'open'
            or (outcome = 'dropped' and dropped_at > (select min(as_of) from {{ ref('int_business_clock') }}))
    ) as written
    inner join ({{ journeys }}) as journeys on written.journey_key = journeys.journey_key
    left join {{ ref('journey_rules') }} as rules
        on journeys.scope = rules.scope and written.step_number = rules.step_number
    where
        (
            written.outcome = 'open'
            and (rules.is_strict or least(written.window_ends_at, journeys.ended_at) <= journeys.as_of)
        )
        or (written.outcome = 'dropped' and written.dropped_at > journeys.as_of)
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'journey_key', also=expired) }}
),

outcomes as (
    {{ funnel_outcomes(
        "(select * from " ~ ref('journey_events') ~ " " ~ where_touched() ~ ")",
        ref('journey_rules'),
        "(select * from (" ~ journeys ~ ") as journeys " ~ where_touched() ~ ")",
        var('funnel_step_limit')
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
    {{ seconds_between('outcomes.entered_at', 'outcomes.reached_at') }} as seconds_to_convert,
    inputs.row_hash
from outcomes
inner join {{ ref('journey_rules') }} as rules
    on outcomes.scope = rules.scope and outcomes.step_number = rules.step_number
inner join inputs on outcomes.journey_key = inputs.journey_key
