-- A step after the order that no source reports in a channel, such as the settlement where no bills are read, cannot
-- be asked for there.
with scopes as (
    select distinct
        scope,
        funnel,
        channel
    from {{ ref('journey_beginnings') }}
),

reported as (
    select distinct
        scope,
        step_number
    from {{ ref('journey_events') }}
),

ordering as (
    select distinct
        scope,
        step_number
    from {{ ref('journey_events') }}
    where step_name = 'ordered'
)

select
    scopes.scope,
    scopes.funnel,
    steps.step_number,
    steps.step_name,
    coalesce(own_steps.window_hours, steps.window_hours) as window_hours,
    coalesce(own_steps.is_optional, steps.is_optional)
    or (reported.scope is null and coalesce(ordering.step_number < steps.step_number, false)) as is_optional,
    coalesce(own_steps.late_is_reached, steps.late_is_reached) as late_is_reached,
    funnels.is_strict
from scopes
inner join {{ ref('journey_steps') }} as steps on scopes.funnel = steps.funnel and steps.channel = '*'
inner join {{ ref('journey_funnels') }} as funnels on scopes.funnel = funnels.funnel
left join {{ ref('journey_steps') }} as own_steps
    on
        scopes.funnel = own_steps.funnel
        and scopes.channel = own_steps.channel
        and steps.step_number = own_steps.step_number
left join reported on scopes.scope = reported.scope and steps.step_number = reported.step_number
left join ordering on scopes.scope = ordering.scope
