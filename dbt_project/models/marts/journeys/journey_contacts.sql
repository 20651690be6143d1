-- Who asks or looks under a token is the buyer of the orders that came of it; else the token is all that is known.
with contacts as (
    select
        inquiry_key as contact_key,
        'inquiry' as contact_type,
        business,
        source,
        channel as contact_channel,
        source || ':' || channel || ':' || customer_token as token,
        order_key,
        asked_at as contacted_at,
        cast(null as timestamptz) as product_viewed_at,
        cast(null as timestamptz) as added_to_cart_at,
        cast(null as timestamptz) as checkout_started_at,
        won_at as ordered_at,
        sku,
        cast(null as varchar) as traffic_channel,
        cast(null as varchar) as campaign,
        known_at
    from {{ ref('fct_inquiries') }}
    union all
    select
        visit_key as contact_key,
        'visit' as contact_type,
        business,
        source,
        'web' as contact_channel,
        source || ':' || visitor_token as token,
        order_key,
        started_at as contacted_at,
        product_viewed_at,
        added_to_cart_at,
        checkout_started_at,
        purchased_at as ordered_at,
        first_viewed_sku as sku,
        traffic_channel,
        campaign,
        known_at
    from {{ ref('fct_visits') }}
),

buyers as (
    select
        contacts.token,
        min(orders.customer_key) as customer_key
    from contacts
    inner join {{ ref('fct_orders') }} as orders on contacts.order_key = orders.order_key
    where contacts.token is not null
    group by contacts.token
),

customer_channels as (
    select
        customer_key,
        min(channel) as channel
    from {{ ref('fct_orders') }}
    where customer_key is not null
    group by customer_key
)

select
    contacts.contact_key,
    contacts.contact_type,
    contacts.business,
    contacts.source,
    contacts.contact_channel,
    contacts.order_key,
    contacts.contacted_at,
    contacts.product_viewed_at,
    contacts.added_to_cart_at,
    contacts.checkout_started_at,
    contacts.ordered_at,
    contacts.sku,
    contacts.traffic_channel,
    contacts.campaign,
    contacts.known_at,
    coalesce(orders.customer_key, buyers.customer_key) as customer_key,
    coalesce(orders.customer_key, buyers.customer_key, contacts.token, contacts.contact_key) as person_key,
    coalesce(
        orders.channel, customer_channels.channel, contact_channels.channel, contacts.contact_channel
    ) as channel
from contacts
left join {{ ref('fct_orders') }} as orders on contacts.order_key = orders.order_key
left join buyers on contacts.token = buyers.token
left join customer_channels on buyers.customer_key = customer_channels.customer_key
left join {{ ref('contact_channels') }} as contact_channels
    on contacts.source = contact_channels.source and contacts.contact_channel = contact_channels.contact_channel
