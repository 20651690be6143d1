-- Orders leave when their first parcel does. Those that nobody booked out leave from the site that serves them.
with shipped as (
    select
        orders.business,
        coalesce(order_sites.site, serving_sites.site, channel_sites.site, 'unknown') as site,
        {{ business_date('orders.shipped_at') }} as business_date,
        cast({{ business_hour('orders.shipped_at') }} as bigint) as hour_of_day,
        orders.line_count,
        orders.unit_count,
        case
            when orders.shipped_at > coalesce(orders.paid_at, orders.created_at)
                then {{ whole_minutes_between('coalesce(orders.paid_at, orders.created_at)', 'orders.shipped_at') }}
            else 0
        end as waited_minutes
    from {{ ref('fct_orders') }} as orders
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
    where orders.shipped_at is not null and coalesce(channels.fulfilment, 'parcel') = 'parcel'
)

select
    business,
    site,
    business_date,
    hour_of_day,
    count(*) as shipped_order_count,
    cast(sum(line_count) as bigint) as shipped_line_count,
    cast(sum(unit_count) as bigint) as shipped_unit_count,
    cast(sum(waited_minutes) as bigint) as waited_minutes
from shipped
group by business, site, business_date, hour_of_day
