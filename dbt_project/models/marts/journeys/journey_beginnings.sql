-- An inquiry, a visit and an order are a journey each. A person's journey in a channel begins with the first contact
-- and ends with the next order; contacts after `journey_silence_hours` of silence begin another one.
with contacts as (
    select * from {{ ref('journey_contacts') }}
),

orders as (
    select * from {{ ref('fct_order_milestones') }}
    where order_type = 'sale'
),

order_people as (
    select
        order_key,
        min(person_key) as person_key
    from contacts
    where order_key is not null
    group by order_key
),

touches as (
    select
        business,
        channel,
        person_key,
        contact_key,
        order_key,
        customer_key,
        contacted_at as touched_at,
        false as is_order
    from contacts
    union all
    select
        orders.business,
        orders.channel,
        coalesce(orders.customer_key, order_people.person_key) as person_key,
        null as contact_key,
        orders.order_key,
        orders.customer_key,
        orders.ordered_at as touched_at,
        true as is_order
    from orders
    left join order_people on orders.order_key = order_people.order_key
    where coalesce(orders.customer_key, order_people.person_key) is not null
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
)

select
    keyed.journey_key,
    funnels.funnel,
    keyed.grain,
    coalesce(orders.business, contacts.business) as business,
    coalesce(orders.channel, contacts.channel) as channel,
    funnels.funnel
    || ':' || coalesce(orders.business, contacts.business)
    || ':' || coalesce(orders.channel, contacts.channel) as scope,
    contacts.contact_channel,
    coalesce(contacts.person_key, orders.customer_key) as person_key,
    coalesce(orders.customer_key, contacts.customer_key) as customer_key,
    keyed.contact_key,
    orders.order_key,
    coalesce(contacts.contacted_at, orders.ordered_at) as started_at,
    contacts.sku,
    contacts.traffic_channel,
    contacts.campaign,
    clock.as_of,
    orders.cancelled_at as ended_at
from keyed
inner join {{ ref('journey_funnels') }} as funnels on keyed.grain = funnels.grain
left join contacts on keyed.contact_key = contacts.contact_key
left join orders on keyed.order_key = orders.order_key
left join {{ ref('int_business_clock') }} as clock
    on coalesce(orders.business, contacts.business) = clock.business
