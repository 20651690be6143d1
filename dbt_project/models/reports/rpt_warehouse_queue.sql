-- At the end of a day, an order waits that was paid by then, left later or not yet, and was not cancelled. When an
-- order was cancelled nobody tells, so cancelled ones that never left wait on no day. The queue looks back
-- `queue_look_back_days` from the business's clock.
with released as (
    select
        orders.business,
        coalesce(order_sites.site, serving_sites.site, channel_sites.site, 'unknown') as site,
        orders.order_key,
        coalesce(orders.paid_at, orders.created_at) as released_at,
        orders.shipped_at,
        orders.unit_count,
        greatest(
            {{ business_date('coalesce(orders.paid_at, orders.created_at)') }},
            clock.as_of_date - {{ var('queue_look_back_days') }}
        ) as first_date,
        least(
            coalesce({{ business_date('orders.shipped_at') }} - 1, clock.as_of_date - 1), clock.as_of_date - 1
        ) as last_date
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_business_clock') }} as clock on orders.business = clock.business
    left join {{ ref('channels') }} as channels
        on orders.source = channels.source and orders.channel = channels.channel
    left join {{ ref('int_order_sites') }} as order_sites on orders.order_key = order_sites.order_key
    left join {{ ref('int_serving_sites') }} as serving_sites
        on
            orders.business = serving_sites.business
            and orders.channel = serving_sites.channel
            and coalesce(orders.province, '-') = serving_sites.province
    left join {{ ref('int_serving_sites') }} as channel_sites
        on
            orders.business = channel_sites.business
            and orders.channel = channel_sites.channel
            and channel_sites.province = '*'
    where
        orders.order_type in ('sale', 'sample')
        and (orders.paid_at is not null or orders.order_type = 'sample')
        and (orders.shipped_at is not null or orders.order_status in ('paid', 'allocated'))
        and coalesce(channels.fulfilment, 'parcel') = 'parcel'
),

waiting as (
    select *
    from released
    where first_date <= last_date
),

days as (
    {{ dates_between(
        'waiting', ['business', 'site', 'order_key', 'released_at', 'unit_count'], 'first_date', 'last_date'
    ) }}
),

waited as (
    select
        *,
        {{ whole_minutes_between('released_at', end_of_business_date('business_date')) }} as waited_minutes
    from days
)

select
    business,
    site,
    business_date,
    count(*) as waiting_order_count,
    cast(sum(unit_count) as bigint) as waiting_unit_count,
    cast(sum(waited_minutes) as bigint) as waited_minutes,
    cast(sum(case when waited_minutes > {{ var('queue_limit_hours') }} * 60 then 1 else 0 end) as bigint)
        as over_limit_order_count
from waited
group by business, site, business_date
