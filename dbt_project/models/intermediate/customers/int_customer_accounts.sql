{{ config(materialized='table') }}

with registered as (
    select
        {{ customer_key('source', 'channel', 'buyer_id') }} as customer_key,
        *
    from {{ ref('int_customers_unioned') }}
),

ordering as (
    select
        customer_key,
        min(business) as business,
        min(source) as source,
        min(channel) as channel,
        min(created_at) as first_ordered_at,
        min(known_at) as first_known_at,
        max(known_at) as known_at
    from {{ ref('int_orders_unioned') }}
    where customer_key is not null
    group by customer_key
)

select
    coalesce(registered.customer_key, ordering.customer_key) as customer_key,
    coalesce(registered.business, ordering.business) as business,
    coalesce(registered.source, ordering.source) as source,
    coalesce(registered.channel, ordering.channel) as channel,
    coalesce(registered.registered_at, ordering.first_ordered_at) as first_seen_at,
    registered.registered_at,
    registered.province_name,
    registered.full_name_token,
    registered.phone_token,
    registered.email_token,
    registered.open_uid,
    registered.union_id,
    registered.name_parts,
    registered.masked_phone_token,
    registered.email_parts,
    registered.birth_date_token,
    registered.address_parts,
    coalesce(registered.first_known_at, ordering.first_known_at) as first_known_at,
    coalesce(registered.known_at, ordering.known_at) as known_at
from registered
full outer join ordering on registered.customer_key = ordering.customer_key
