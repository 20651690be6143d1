{%- set steps = ['ordered', 'paid', 'allocated', 'shipped', 'delivered', 'settled'] -%}
with milestones as (
    select * from {{ ref('fct_order_milestones') }}
    where order_type in ('sale', 'wholesale')
),

times as (
    {%- for step in steps %}
    select
        order_key,
        '{{ step }}' as step_name,
        {{ loop.index }} as step_rank,
        {{ step }}_at as reached_at
    from milestones
    where {{ step }}_at is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- A stage that no order of a channel ever left is not reported there.
reported as (
    select distinct
        milestones.business,
        milestones.channel,
        times.step_name
    from times
    inner join milestones on times.order_key = milestones.order_key
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
        starts.reached_at as entered_at,
        case when ends.reached_at >= starts.reached_at then ends.reached_at end as left_at,
        coalesce(ends.reached_at < starts.reached_at, false) as is_out_of_order,
        milestones.cancelled_at,
        milestones.as_of,
        sop.to_step,
        row_number() over (
            partition by milestones.order_key, sop.stage
            order by case when sop.channel = '*' then 1 else 0 end, sop.valid_from desc, sop.version desc
        ) as sop_rank
    from milestones
    inner join times as starts on milestones.order_key = starts.order_key
    inner join {{ ref('sop_steps') }} as sop
        on
            starts.step_name = sop.from_step
            and (sop.channel = '*' or milestones.channel = sop.channel)
            and sop.valid_from <= {{ business_date('starts.reached_at') }}
    inner join reported
        on
            milestones.business = reported.business
            and milestones.channel = reported.channel
            and sop.to_step = reported.step_name
    left join times as ends on milestones.order_key = ends.order_key and sop.to_step = ends.step_name
),

chosen as (
    select * exclude (sop_rank)
    from entered
    where sop_rank = 1
),

step_ranks as (
    select distinct
        step_name,
        step_rank
    from times
),

-- What went on without the step that ends a stage, such as a parcel without a word of its allocation, has left it.
-- Money may be settled before the goods move: it tells nothing of them.
passed as (
    select
        chosen.order_key,
        chosen.stage,
        min(later.reached_at) as passed_at
    from chosen
    inner join step_ranks on chosen.to_step = step_ranks.step_name
    inner join times as later
        on
            chosen.order_key = later.order_key
            and step_ranks.step_rank < later.step_rank
            and later.step_name != 'settled'
    where chosen.left_at is null
    group by chosen.order_key, chosen.stage
),

stopped as (
    select
        chosen.*,
        case
            when chosen.left_at is not null or chosen.is_out_of_order then 'done'
            when passed.passed_at is not null then 'skipped'
            when chosen.cancelled_at is not null then 'cancelled'
            else 'running'
        end as stage_status,
        case
            when chosen.is_out_of_order then chosen.entered_at
            else greatest(
                coalesce(chosen.left_at, passed.passed_at, chosen.cancelled_at, chosen.as_of), chosen.entered_at
            )
        end as until_at
    from chosen
    left join passed on chosen.order_key = passed.order_key and chosen.stage = passed.stage
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
    case when stage_status = 'running' then {{ seconds_between('as_of', 'due_at') }} end as seconds_to_breach
from due
