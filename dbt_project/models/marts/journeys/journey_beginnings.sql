{{ config(materialized='incremental') }}

-- An inquiry, a visit and an order are a journey each. A person's journey in a channel begins with the first contact
-- and ends with the next order; contacts after `journey_silence_hours` of silence begin another one.

-- An order is its buyer's, else that of whoever is known to have asked or looked before it, else nobody's.
{%- set orders -%}
    select
        milestones.order_key,
        milestones.business,
        milestones.channel,
        milestones.customer_key,
        milestones.ordered_at,
        milestones.paid_at,
        milestones.allocated_at,
        milestones.shipped_at,
        milestones.delivered_at,
        milestones.settled_at,
        milestones.cancelled_at,
        order_contacts.visit_ordered_at,
        coalesce(milestones.customer_key, order_contacts.person_key) as person_key
    from {{ ref('fct_order_milestones') }} as milestones
    left join (
        select
            order_key,
            min(person_key) as person_key,
            min(ordered_at) filter (where contact_type = 'visit') as visit_ordered_at
        from {{ ref('journey_contacts') }}
        where order_key is not null
        group by order_key
    ) as order_contacts on milestones.order_key = order_contacts.order_key
    where milestones.order_type = 'sale'
{%- endset %}

-- The journeys of a person, or of an order that is nobody's, depend on all contacts and orders of theirs. The hash
-- covers what their events are told by as well, so that these need not be compared again.
{%- set inputs -%}
    select
        input.actor_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            told.actor_key,
            '{{ definition_hash() }}' as definition,
            sum(told.content) as content
        from (
            select
                contact.person_key as actor_key,
                {{ row_hash('contact') }} as content
            from (
                select
                    contacts.* exclude (known_at),
                    orders.content
                from {{ ref('journey_contacts') }} as contacts
                left join (
                    select
                        told_order.order_key,
                        {{ row_hash('told_order') }} as content
                    from ({{ orders }}) as told_order
                ) as orders on contacts.order_key = orders.order_key
            ) as contact
            union all
            select
                coalesce(told_order.person_key, told_order.order_key) as actor_key,
                {{ row_hash('told_order') }} as content
            from ({{ orders }}) as told_order
        ) as told
        group by told.actor_key
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'actor_key') }}
),

contacts as (
    select *
    from (
        select
            *,
            person_key as actor_key
        from {{ ref('journey_contacts') }}
    ) as contacts
    {{ where_touched() }}
),

all_orders as (
    {{ orders }}
),

orders as (
    select *
    from (
        select
            *,
            coalesce(person_key, order_key) as actor_key
        from all_orders
    ) as orders
    {{ where_touched() }}
),

touches as (
    select
        business,
        channel,
        person_key,
        contact_key,
        order_key,
        contacted_at as touched_at,
        false as is_order
    from contacts
    union all
    select
        business,
        channel,
        person_key,
        null as contact_key,
        order_key,
        ordered_at as touched_at,
        true as is_order
    from orders
    where person_key is not null
),

ordered as (
    select
        *,
        row_number() over by_time as touch_number,
        case
            when lag(is_order) over by_time then 1
            when touched_at > {{ hours_later('lag(touched_at) over by_time', var('journey_silence_hours')) }} then 1
            else 0
        end as is_beginning
    from touches
    window by_time as (
        partition by business, channel, person_key order by touched_at, is_order, contact_key, order_key
    )
),

attempts as (
    select
        *,
        sum(is_beginning) over (
            partition by business, channel, person_key
            order by touch_number rows between unbounded preceding and current row
        ) as attempt_number
    from ordered
),

-- An order ends an attempt, so that one with a contact begins with it.
first_contacts as (
    select
        max(case when is_beginning = 1 or touch_number = 1 then contact_key end) as first_contact_key,
        max(order_key) filter (where is_order) as order_key
    from attempts
    group by business, channel, person_key, attempt_number
    having count(*) filter (where not is_order) > 0
),

keyed as (
    select
        'inquiry_to_cash:' || contact_key as journey_key,
        'inquiry' as grain,
        contact_key,
        order_key
    from contacts
    where contact_type = 'inquiry'
    union all
    select
        'visit_to_cash:' || contact_key as journey_key,
        'visit' as grain,
        contact_key,
        order_key
    from contacts
    where contact_type = 'visit'
    union all
    select
        'person_to_cash:' || first_contact_key as journey_key,
        'person' as grain,
        first_contact_key as contact_key,
        order_key
    from first_contacts
    union all
    select
        'order_to_settled:' || order_key as journey_key,
        'order' as grain,
        null as contact_key,
        order_key
    from orders
),

begun as (
    select
        keyed.journey_key,
        keyed.grain,
        keyed.contact_key,
        orders.order_key,
        coalesce(orders.business, contacts.business) as business,
        coalesce(orders.channel, contacts.channel) as channel,
        contacts.contact_channel,
        coalesce(contacts.person_key, orders.customer_key) as person_key,
        coalesce(orders.customer_key, contacts.customer_key) as customer_key,
        coalesce(contacts.contacted_at, orders.ordered_at) as started_at,
        contacts.sku,
        contacts.traffic_channel,
        contacts.campaign,
        orders.cancelled_at as ended_at,
        coalesce(contacts.person_key, orders.person_key, orders.order_key) as actor_key
    from keyed
    left join contacts on keyed.contact_key = contacts.contact_key
    left join all_orders as orders on keyed.order_key = orders.order_key
)

select
    begun.journey_key,
    funnels.funnel,
    begun.grain,
    begun.business,
    begun.channel,
    funnels.funnel || ':' || begun.business || ':' || begun.channel as scope,
    begun.contact_channel,
    begun.person_key,
    begun.customer_key,
    begun.contact_key,
    begun.order_key,
    begun.started_at,
    begun.sku,
    begun.traffic_channel,
    begun.campaign,
    begun.ended_at,
    begun.actor_key,
    inputs.row_hash
from begun
inner join {{ ref('journey_funnels') }} as funnels on begun.grain = funnels.grain
inner join inputs on begun.actor_key = inputs.actor_key
