{{ config(materialized='incremental') }}
{%- set steps = ['ordered', 'paid', 'allocated', 'shipped', 'delivered', 'settled'] %}

-- A stage that no order of a channel ever left is not reported there.
{%- set reported -%}
    select
        business,
        channel,
        count(ordered_at) > 0 as has_ordered,
        count(paid_at) > 0 as has_paid,
        count(allocated_at) > 0 as has_allocated,
        count(shipped_at) > 0 as has_shipped,
        count(delivered_at) > 0 as has_delivered,
        count(settled_at) > 0 as has_settled
    from {{ ref('fct_order_milestones') }}
    where order_type in ('sale', 'wholesale')
    group by business, channel
{%- endset %}

-- What an order's rows depend on: its own times, the stages of its channel, and the calendars; and on the business's
-- clock while a stage is running.
{%- set inputs -%}
    select
        input.order_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            milestones.order_key,
            milestones.cancelled_at,
            milestones.ordered_at,
            milestones.paid_at,
            milestones.allocated_at,
            milestones.shipped_at,
            milestones.delivered_at,
            milestones.settled_at,
            reported.*,
            calendars.content as calendar_content
        from {{ ref('fct_order_milestones') }} as milestones
        inner join ({{ reported }}) as reported
            on milestones.business = reported.business and milestones.channel = reported.channel
        cross join (
            select sum({{ row_hash('calendar_day') }}) as content
            from {{ ref('fct_calendar_days') }} as calendar_day
        ) as calendars
        where milestones.order_type in ('sale', 'wholesale')
    ) as input
{%- endset %}
{%- set running -%}
    select order_key
    from {{ this }}
    where stage_status = 'running'
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'order_key', also=running) }}
),

milestones as (
    select
        milestones.*,
        inputs.row_hash
    from {{ ref('fct_order_milestones') }} as milestones
    inner join inputs on milestones.order_key = inputs.order_key
),

reported as (
    {{ reported }}
),

-- A channel's own rule comes before that of all channels, a later one before an earlier: each holds until the day from
-- which one that comes before it does.
sop as (
    select
        reported.business,
        reported.channel,
        steps.stage,
        steps.department,
        steps.from_step,
        steps.to_step,
        steps.target_hours,
        steps.cut_off_minute,
        steps.calendar,
        steps.valid_from,
        min(steps.valid_from) over (
            partition by reported.business, reported.channel, steps.stage
            order by case when steps.channel = '*' then 1 else 0 end, steps.valid_from desc, steps.version desc
            rows between unbounded preceding and 1 preceding
        ) as replaced_from
    from reported
    inner join {{ ref('sop_steps') }} as steps on steps.channel in ('*', reported.channel)
    where
        case steps.to_step
            {%- for step in steps %}
            when '{{ step }}' then reported.has_{{ step }}
            {%- endfor %}
        end
),

entered as (
    select
        milestones.order_key,
        milestones.business,
        milestones.channel,
        sop.stage,
        sop.department,
        sop.target_hours,
        sop.cut_off_minute,
        sop.calendar,
        sop.valid_from,
        sop.replaced_from,
        case sop.from_step
            {%- for step in steps %}
            when '{{ step }}' then milestones.{{ step }}_at
            {%- endfor %}
        end as entered_at,
        case sop.to_step
            {%- for step in steps %}
            when '{{ step }}' then milestones.{{ step }}_at
            {%- endfor %}
        end as ended_at,
        -- What went on without the step that ends a stage, such as a parcel without a word of its allocation, has left
        -- it. Money may be settled before the goods move: it tells nothing of them.
        case sop.to_step
            when 'ordered'
                then least(
                    milestones.paid_at, milestones.allocated_at, milestones.shipped_at, milestones.delivered_at
                )
            when 'paid' then least(milestones.allocated_at, milestones.shipped_at, milestones.delivered_at)
            when 'allocated' then least(milestones.shipped_at, milestones.delivered_at)
            when 'shipped' then milestones.delivered_at
        end as passed_at,
        milestones.cancelled_at,
        milestones.as_of,
        milestones.row_hash
    from milestones
    inner join sop on milestones.business = sop.business and milestones.channel = sop.channel
),

chosen as (
    select
        * exclude (ended_at),
        case when ended_at >= entered_at then ended_at end as left_at,
        coalesce(ended_at < entered_at, false) as is_out_of_order
    from entered
    where
        valid_from <= {{ business_date('entered_at') }}
        and (replaced_from is null or replaced_from > {{ business_date('entered_at') }})
),

stopped as (
    select
        *,
        case
            when left_at is not null or is_out_of_order then 'done'
            when passed_at is not null then 'skipped'
            when cancelled_at is not null then 'cancelled'
            else 'running'
        end as stage_status,
        case
            when is_out_of_order then entered_at
            else greatest(coalesce(left_at, passed_at, cancelled_at, as_of), entered_at)
        end as until_at
    from chosen
),

clocked as (
    select
        stopped.*,
        case
            when
                stopped.entered_at
                > {{ minute_of_business_date('entry_day.business_date', 'stopped.cut_off_minute') }}
                then entry_day.seconds_before + entry_day.open_seconds
            else {{ working_seconds_at('stopped.entered_at', 'entry_day') }}
        end as started_seconds,
        {{ working_seconds_at('stopped.until_at', 'until_day') }} as until_seconds
    from stopped
    inner join {{ ref('fct_calendar_days') }} as entry_day
        on
            {{ calendar_day_key('stopped.calendar', business_date('stopped.entered_at')) }}
            = entry_day.calendar_day_key
    inner join {{ ref('fct_calendar_days') }} as until_day
        on
            {{ calendar_day_key('stopped.calendar', business_date('stopped.until_at')) }}
            = until_day.calendar_day_key
),

-- A day reaches into one or two stretches of 86,400 open seconds, which makes finding the due day a plain join.
due_days as (
    select
        calendar,
        opens_at,
        seconds_before,
        open_seconds,
        seconds_before // 86400 as stretch
    from {{ ref('fct_calendar_days') }}
    where open_seconds > 0
    union
    select
        calendar,
        opens_at,
        seconds_before,
        open_seconds,
        (seconds_before + open_seconds) // 86400 as stretch
    from {{ ref('fct_calendar_days') }}
    where open_seconds > 0
),

targets as (
    select
        *,
        started_seconds + cast(target_hours * 3600 as bigint) as due_seconds
    from clocked
),

due as (
    select
        targets.*,
        make_timestamptz(
            epoch_us(due_days.opens_at) + (targets.due_seconds - due_days.seconds_before) * 1000000
        ) as due_at
    from targets
    left join due_days
        on
            targets.calendar = due_days.calendar
            and targets.due_seconds // 86400 = due_days.stretch
            and targets.due_seconds > due_days.seconds_before
            and targets.due_seconds <= due_days.seconds_before + due_days.open_seconds
)

select
    order_key || '#' || stage as order_stage_key,
    order_key,
    business,
    channel,
    stage,
    department,
    stage_status,
    entered_at,
    left_at,
    is_out_of_order,
    {{ seconds_between('entered_at', 'until_at') }} as dwell_seconds,
    cast(greatest(until_seconds - started_seconds, 0) as bigint) as working_seconds,
    due_at,
    stage_status in ('done', 'running') and until_at > due_at as is_breached,
    case when stage_status = 'running' then {{ seconds_between('as_of', 'due_at') }} end as seconds_to_breach,
    row_hash
from due
