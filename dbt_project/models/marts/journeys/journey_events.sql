-- Visits tell when they ordered in their own clock, so that a cart is never later than the order it became.
{%- set order_steps = ['ordered', 'paid', 'allocated', 'shipped', 'delivered', 'settled'] -%}
{%- set visit_steps = {
    'product_viewed': 'product_viewed_at', 'cart': 'added_to_cart_at', 'checkout': 'checkout_started_at'
} %}
with journeys as (
    select * from {{ ref('journey_beginnings') }}
),

contacts as (
    select * from {{ ref('journey_contacts') }}
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
        journeys.journey_key as own_journey_key
    from contacts
    left join journeys on contacts.contact_key = journeys.contact_key and journeys.grain = 'person'
),

person_numbered as (
    select
        *,
        count(own_journey_key) over (
            partition by business, channel, person_key
            order by contacted_at, contact_key
            rows between unbounded preceding and current row
        ) as journey_number
    from person_firsts
),

person_contacts as (
    select
        *,
        max(own_journey_key) over (partition by business, channel, person_key, journey_number) as journey_key
    from person_numbered
),

contact_events as (
    select
        journeys.journey_key,
        'inquired' as step_name,
        journeys.started_at as occurred_at
    from journeys
    where journeys.grain = 'inquiry'
    union all
    select
        journeys.journey_key,
        'visited' as step_name,
        journeys.started_at as occurred_at
    from journeys
    where journeys.grain = 'visit'
    {%- for step_name, column in visit_steps.items() %}
    union all
    select
        journeys.journey_key,
        '{{ step_name }}' as step_name,
        contacts.{{ column }} as occurred_at
    from journeys
    inner join contacts on journeys.contact_key = contacts.contact_key
    where journeys.grain = 'visit'
    {%- endfor %}
    union all
    select
        journey_key,
        'contacted' as step_name,
        contacted_at as occurred_at
    from person_contacts
    union all
    select
        journey_key,
        case contact_type when 'inquiry' then 'inquired' else 'visited' end as step_name,
        contacted_at as occurred_at
    from person_contacts
    union all
    select
        journey_key,
        'cart' as step_name,
        added_to_cart_at as occurred_at
    from person_contacts
),

order_events as (
    {%- for step_name in order_steps %}
    select
        journeys.journey_key,
        '{{ step_name }}' as step_name,
        milestones.{{ step_name }}_at as occurred_at
    from journeys
    inner join milestones on journeys.order_key = milestones.order_key
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

unordered_visits as (
    select
        journeys.journey_key,
        'ordered' as step_name,
        contacts.ordered_at as occurred_at
    from journeys
    inner join contacts on journeys.contact_key = contacts.contact_key
    where journeys.grain = 'visit' and journeys.order_key is null
),

events as (
    select * from contact_events
    union all
    select * from order_events
    union all
    select * from unordered_visits
)

select distinct
    events.journey_key,
    journeys.scope,
    steps.step_number,
    events.step_name,
    events.occurred_at
from events
inner join journeys on events.journey_key = journeys.journey_key
inner join {{ ref('journey_steps') }} as steps
    on journeys.funnel = steps.funnel and events.step_name = steps.step_name and steps.channel = '*'
where events.occurred_at is not null
