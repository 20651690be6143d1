{#- The funnel engine: what became of every journey at every step of its funnel. docs/funnel.md has the exact
    meaning; tests/oracle/funnel_walk.py is the same in plain Python.

    events:   journey_key, step_number, occurred_at; any number per journey and step, in any order
    steps:    scope, step_number, window_hours (null: no limit), is_optional, late_is_reached, is_strict
    journeys: journey_key, scope, as_of, ended_at (null: not given up); journey_key is unique

    Gives journey_key, scope, step_number, outcome (reached, skipped, open, dropped), reached_at, entered_at,
    window_ends_at, dropped_at. A journey without an event of step 1 has no row.

    Inside, a place is a time and a step in one whole number (microseconds * 32 + step), so that events of one
    moment are ordered by step and one sort decides everything. Each step costs one sort of its own events and of
    the places that may come before them, so the work grows with the events, not with their combinations. -#}
{% macro funnel_outcomes(events, steps, journeys, step_count) -%}
    {{ return(adapter.dispatch('funnel_outcomes')(events, steps, journeys, step_count)) }}
{%- endmacro %}


{% macro default__funnel_outcomes(events, steps, journeys, step_count) -%}
with funnel_rules as (
    select
        scope,
        dense_rank() over (order by scope) as scope_number,
        step_number,
        is_strict,
        cast(window_hours * 3600000000 as bigint) as window_us,
        case when late_is_reached then null else cast(window_hours * 3600000000 as bigint) end as reach_us,
        coalesce(
            min(case when not is_optional then step_number end) over (
                partition by scope order by step_number rows between 1 following and unbounded following
            ),
            32
        ) as next_mandatory
    from {{ steps }}
),

funnel_scopes as (
    select distinct
        scope,
        scope_number
    from funnel_rules
),

-- Numbers compare faster than keys, and are carried through sorts at less cost.
funnel_numbered as {{ materialized_once() }} (
    select
        journeys.journey_key,
        journeys.as_of,
        journeys.ended_at,
        scopes.scope,
        scopes.scope_number,
        row_number() over () as journey
    from {{ journeys }} as journeys
    inner join funnel_scopes as scopes on journeys.scope = scopes.scope
),

-- By itself, for else an engine may join every journey with every step of its funnel first.
funnel_events as {{ materialized_once() }} (
    select
        numbered.journey,
        numbered.scope_number,
        events.step_number,
        {{ funnel_place('events.occurred_at', 'events.step_number') }} as place
    from {{ events }} as events
    inner join funnel_numbered as numbered on events.journey_key = numbered.journey_key
),

funnel_places as (
    select
        events.journey,
        events.step_number,
        events.place,
        rules.reach_us,
        rules.next_mandatory,
        rules.is_strict
    from funnel_events as events
    inner join funnel_rules as rules
        on events.scope_number = rules.scope_number and events.step_number = rules.step_number
),

funnel_neighbours as (
    select
        *,
        lag(step_number) over in_journey as previous_step,
        lag(place) over in_journey as previous_place
    from funnel_places
    where is_strict
    window in_journey as (partition by journey order by place)
),

funnel_attempts as {{ materialized_once() }} (
    select
        journey,
        step_number,
        place,
        reach_us,
        next_mandatory,
        cast(null as bigint) as strict_place
    from funnel_places
    where not is_strict
    union all
    select
        journey,
        step_number,
        place,
        reach_us,
        next_mandatory,
        coalesce(
            max(case when previous_step != step_number then previous_place end) over (
                partition by journey order by place rows between unbounded preceding and current row
            ),
            -1
        ) as strict_place
    from funnel_neighbours
),

funnel_reached_1 as {{ materialized_once() }} (
    select
        journey,
        place,
        next_mandatory
    from funnel_attempts
    where step_number = 1
),

funnel_before_2 as (
    select * from funnel_reached_1
),
{% for number in range(2, step_count + 1) %}
{%- if number > 2 %}

funnel_before_{{ number }} as (
    select * from funnel_reached_{{ number - 1 }}
    union all
    select * from funnel_before_{{ number - 1 }}
    where next_mandatory >= {{ number }}
),
{%- endif %}

funnel_reached_{{ number }} as {{ materialized_once() }} (
    select
        journey,
        place,
        next_mandatory
    from (
        select
            *,
            max(case when is_before then place end) over (
                partition by journey order by place rows between unbounded preceding and current row
            ) as before_place
        from (
            select
                journey,
                place,
                next_mandatory,
                true as is_before,
                cast(null as bigint) as reach_us,
                cast(null as bigint) as strict_place
            from funnel_before_{{ number }}
            union all
            select
                journey,
                place,
                next_mandatory,
                false as is_before,
                reach_us,
                strict_place
            from funnel_attempts
            where step_number = {{ number }}
        ) as places
    ) as matched
    where
        not is_before
        and before_place is not null
        and (strict_place is null or strict_place = before_place)
        and (reach_us is null or place // 32 - before_place // 32 <= reach_us)
),
{%- endfor %}

funnel_reached as (
{%- for number in range(1, step_count + 1) %}
    select
        journey,
        {{ number }} as step_number,
        min(place) as first_place,
        max(place) as last_place,
        min(next_mandatory) as next_mandatory
    from funnel_reached_{{ number }}
    group by journey
    {%- if not loop.last %}
    union all
    {%- endif %}
{%- endfor %}
),

-- An optional step that comes only after a later one was reached was skipped, not reached.
funnel_in_order as (
    select
        *,
        coalesce(
            first_place < min(first_place) over (
                partition by journey order by step_number rows between 1 following and unbounded following
            ),
            true
        ) as is_in_order,
        max(step_number) over (partition by journey) as furthest_step,
        max(next_mandatory) over (partition by journey) as next_step
    from funnel_reached
),

funnel_progress as (
    select
        journey,
        max(furthest_step) as furthest_step,
        max(next_step) as next_step,
        max(case when next_mandatory = next_step then last_place end) as last_place
    from funnel_in_order
    group by journey
),

-- In strict mode the first other event after the last place from which the next step could be reached breaks the
-- journey off.
funnel_breaks as (
    select
        progress.journey,
        min(attempts.place) as break_place
    from funnel_progress as progress
    inner join funnel_attempts as attempts
        on progress.journey = attempts.journey and progress.last_place < attempts.place
    where attempts.strict_place is not null and attempts.step_number != progress.next_step
    group by progress.journey
),

funnel_spine as (
    select
        progress.journey,
        rules.step_number,
        rules.window_us,
        progress.next_step,
        progress.last_place,
        reached.first_place,
        max(reached.first_place) over (
            partition by progress.journey order by rules.step_number rows between unbounded preceding and 1 preceding
        ) as entered_place
    from funnel_progress as progress
    inner join funnel_numbered as journeys on progress.journey = journeys.journey
    inner join funnel_rules as rules
        on
            journeys.scope_number = rules.scope_number
            and (rules.step_number <= progress.furthest_step or rules.step_number = progress.next_step)
    left join funnel_in_order as reached
        on
            progress.journey = reached.journey
            and rules.step_number = reached.step_number
            and reached.is_in_order
),

funnel_timed as (
    select
        journeys.journey_key,
        journeys.scope,
        journeys.as_of,
        spine.step_number,
        spine.next_step,
        {{ funnel_time('spine.first_place') }} as reached_at,
        {{ funnel_time('spine.entered_place') }} as entered_at,
        case
            when spine.step_number = spine.next_step
                then {{ microseconds_later(funnel_time('spine.last_place'), 'spine.window_us') }}
        end as window_ends_at,
        case
            when spine.step_number = spine.next_step
                then least(
                    {{ microseconds_later(funnel_time('spine.last_place'), 'spine.window_us') }},
                    {{ funnel_time('breaks.break_place') }},
                    case
                        when journeys.ended_at is not null
                            then greatest(journeys.ended_at, {{ funnel_time('spine.last_place') }})
                    end
                )
        end as gives_up_at
    from funnel_spine as spine
    inner join funnel_numbered as journeys on spine.journey = journeys.journey
    left join funnel_breaks as breaks on spine.journey = breaks.journey
)

select
    journey_key,
    scope,
    step_number,
    case
        when reached_at is not null then 'reached'
        when step_number != next_step then 'skipped'
        when gives_up_at <= as_of then 'dropped'
        else 'open'
    end as outcome,
    reached_at,
    entered_at,
    window_ends_at,
    case when reached_at is null and step_number = next_step and gives_up_at <= as_of then gives_up_at end
        as dropped_at
from funnel_timed
{%- endmacro %}


{#- A time and a step as one whole number that sorts like both. -#}
{% macro funnel_place(occurred_at, step_number) -%}
    (epoch_us({{ occurred_at }}) * 32 + {{ step_number }})
{%- endmacro %}


{% macro funnel_time(place) -%}
    make_timestamptz({{ place }} // 32)
{%- endmacro %}
