{{ config(materialized='incremental') }}

-- Visits tell when they ordered in their own clock, so that a cart is never later than the order it became.
{%- set order_steps = ['ordered', 'paid', 'allocated', 'shipped', 'delivered', 'settled'] -%}
{%- set visit_steps = {
    'product_viewed': 'product_viewed_at', 'cart': 'added_to_cart_at', 'checkout': 'checkout_started_at'
} %}

-- What a journey's events depend on stands in its hash already.
{%- set inputs -%}
    select
        input.journey_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            journey_key,
            row_hash as content,
            '{{ definition_hash() }}' as definition
        from {{ ref('journey_beginnings') }}
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'journey_key') }}
),

journeys as (
    select *
    from {{ ref('journey_beginnings') }}
    {{ where_touched() }}
),

contacts as (
    select *
    from {{ ref('journey_contacts') }}
    {%- if is_refreshed() %}
    where
        person_key in (select journeys.actor_key from journeys)
        or order_key in (select coalesce(journeys.order_key, '') from journeys)
    {%- endif %}
),

visited_orders as (
    select
        order_key,
        min(ordered_at) as ordered_at
    from contacts
    where contact_type = 'visit' and order_key is not null and ordered_at is not null
    group by order_key
),

milestones as (
    select
        milestones.* exclude (ordered_at),
        coalesce(visited_orders.ordered_at, milestones.ordered_at) as ordered_at
    from {{ ref('fct_order_milestones') }} as milestones
    left join visited_orders on milestones.order_key = visited_orders.order_key
),

-- The contacts of a person's journey: all from its first one to its order or the next silence.
person_firsts as (
    select
        contacts.*,
        journeys.journey_key as own_journey_key,
        journeys.funnel as own_funnel,
        journeys.scope as own_scope
    from contacts
    left join {{ ref('journey_beginnings') }} as journeys
        on contacts.contact_key = journeys.contact_key and journeys.grain = 'person'
),

person_contacts as {{ materialized_once() }} (
    select
        contact_type,
        contacted_at,
        added_to_cart_at,
        {{ last_known('own_journey_key') }} over so_far as journey_key,
        {{ last_known('own_funnel') }} over so_far as funnel,
        {{ last_known('own_scope') }} over so_far as scope
    from person_firsts
    window so_far as (
        partition by business, channel, person_key
        order by contacted_at, contact_key
        rows between unbounded preceding and current row
    )
),

steps as (
    select
        funnel,
        step_number,
        step_name
    from {{ ref('journey_steps') }}
    where channel = '*'
),

-- A row for each step only after the join that finds the times.
order_times as {{ materialized_once() }} (
    select
        {%- for step_name in order_steps %}
        milestones.{{ step_name }}_at,
        {%- endfor %}
        journeys.journey_key,
        journeys.funnel,
        journeys.scope
    from journeys
    inner join milestones on journeys.order_key = milestones.order_key
),

order_events as (
    select
        order_times.journey_key,
        order_times.scope,
        steps.step_number,
        steps.step_name,
        case steps.step_name
            {%- for step_name in order_steps %}
            when '{{ step_name }}' then order_times.{{ step_name }}_at
            {%- endfor %}
        end as occurred_at
    from order_times
    inner join steps on order_times.funnel = steps.funnel
),

contact_times as {{ materialized_once() }} (
    select
        journeys.journey_key,
        journeys.funnel,
        journeys.scope,
        case when journeys.grain = 'inquiry' then journeys.started_at end as inquired_at,
        case when journeys.grain = 'visit' then journeys.started_at end as visited_at,
        {%- for column in visit_steps.values() %}
        case when journeys.grain = 'visit' then contacts.{{ column }} end as {{ column }},
        {%- endfor %}
        case when journeys.grain = 'visit' and journeys.order_key is null then contacts.ordered_at end as ordered_at
    from journeys
    inner join contacts on journeys.contact_key = contacts.contact_key
    where journeys.grain in ('inquiry', 'visit')
),

contact_events as (
    select
        contact_times.journey_key,
        contact_times.scope,
        steps.step_number,
        steps.step_name,
        case steps.step_name
            when 'inquired' then contact_times.inquired_at
            when 'visited' then contact_times.visited_at
            {%- for step_name, column in visit_steps.items() %}
            when '{{ step_name }}' then contact_times.{{ column }}
            {%- endfor %}
            when 'ordered' then contact_times.ordered_at
        end as occurred_at
    from contact_times
    inner join steps on contact_times.funnel = steps.funnel
),

-- Several contacts of a person may have begun at one moment.
person_events as (
    select distinct
        contacts.journey_key,
        contacts.scope,
        steps.step_number,
        steps.step_name,
        case steps.step_name
            when 'contacted' then contacts.contacted_at
            when 'inquired' then case when contacts.contact_type = 'inquiry' then contacts.contacted_at end
            when 'visited' then case when contacts.contact_type = 'visit' then contacts.contacted_at end
            when 'cart' then contacts.added_to_cart_at
        end as occurred_at
    from person_contacts as contacts
    inner join steps on contacts.funnel = steps.funnel
),

events as (
    select * from order_events
    union all
    select * from contact_events
    union all
    select * from person_events
)

select
    events.journey_key,
    events.scope,
    events.step_number,
    events.step_name,
    events.occurred_at,
    inputs.row_hash
from events
inner join inputs on events.journey_key = inputs.journey_key
where events.occurred_at is not null
