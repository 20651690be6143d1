{{ config(materialized='incremental') }}

-- What several sources or parcels tell at one moment is one activity; at one moment the order of the SOP holds.
{%- set told -%}
    select
        events.order_key,
        activities.activity,
        activities.place,
        events.event_at,
        events.known_at
    from {{ ref('fct_order_events') }} as events
    inner join {{ ref('process_activities') }} as activities
        on
            events.event = activities.event
            and activities.order_status in ('*', events.order_status)
    union all
    select
        milestones.order_key,
        activities.activity,
        activities.place,
        case activities.event
            when 'settled' then milestones.settled_at
            else milestones.cancelled_at
        end as event_at,
        milestones.known_at
    from {{ ref('fct_order_milestones') }} as milestones
    inner join {{ ref('process_activities') }} as activities on activities.event in ('settled', 'cancelled')
{%- endset %}

-- An order's activities depend on its events and on how its channel delivers.
{%- set inputs -%}
    select
        input.order_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            orders.order_key,
            orders.business,
            orders.channel,
            orders.order_type,
            channels.fulfilment,
            events.content
        from (
            select
                told_event.order_key,
                sum({{ row_hash('told_event') }}) as content
            from ({{ told }}) as told_event
            where told_event.event_at is not null
            group by told_event.order_key
        ) as events
        inner join {{ ref('fct_order_milestones') }} as orders on events.order_key = orders.order_key
        left join {{ ref('dim_channels') }} as channels
            on
                orders.business = channels.business
                and orders.source = channels.source
                and orders.channel = channels.channel
        where orders.order_type in ('sale', 'wholesale')
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'order_key') }}
),

told as (
    select *
    from ({{ told }}) as events
    {{ where_touched() }}
),

activities as (
    select
        told.order_key,
        told.activity,
        told.place,
        told.event_at,
        min(told.known_at) as known_at
    from told
    where told.event_at is not null
    group by told.order_key, told.activity, told.place, told.event_at
),

numbered as (
    select
        activities.order_key,
        activities.activity,
        activities.event_at,
        activities.known_at,
        row_number() over in_order as activity_number,
        coalesce(lag(activities.activity) over in_order, 'start') as previous_activity,
        lag(activities.event_at) over in_order as previous_at
    from activities
    window in_order as (partition by activities.order_key order by activities.event_at, activities.place)
)

select
    numbered.order_key || '#' || numbered.activity_number as order_activity_key,
    numbered.order_key,
    orders.business,
    orders.channel,
    orders.order_type,
    numbered.activity_number,
    numbered.previous_activity,
    numbered.activity,
    coalesce(own_steps.step_kind, steps.step_kind, 'deviation') as step_kind,
    numbered.event_at,
    numbered.known_at,
    {{ seconds_between('numbered.previous_at', 'numbered.event_at') }} as waited_seconds,
    inputs.row_hash
from numbered
inner join inputs on numbered.order_key = inputs.order_key
inner join {{ ref('fct_order_milestones') }} as orders on numbered.order_key = orders.order_key
left join {{ ref('dim_channels') }} as channels
    on orders.business = channels.business and orders.source = channels.source and orders.channel = channels.channel
left join {{ ref('process_steps') }} as own_steps
    on
        orders.order_type = own_steps.order_type
        and channels.fulfilment = own_steps.fulfilment
        and numbered.previous_activity = own_steps.from_activity
        and numbered.activity = own_steps.to_activity
left join {{ ref('process_steps') }} as steps
    on
        orders.order_type = steps.order_type
        and steps.fulfilment = '*'
        and numbered.previous_activity = steps.from_activity
        and numbered.activity = steps.to_activity
where orders.order_type in ('sale', 'wholesale')
