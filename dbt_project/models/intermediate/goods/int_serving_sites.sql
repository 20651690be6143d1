{{ config(materialized='table') }}

-- Where the orders of a channel and province left from, most of them; province `*` is the channel as a whole.
with served as (
    select
        orders.business,
        orders.channel,
        coalesce(province_names.province, orders.province_name, '-') as province,
        sites.site
    from {{ ref('int_order_sites') }} as sites
    inner join {{ ref('int_orders_unioned') }} as orders on sites.order_key = orders.order_key
    left join {{ ref('province_names') }} as province_names on orders.province_name = province_names.name
),

counted as (
    select
        business,
        channel,
        province,
        site,
        count(*) as order_count
    from served
    group by business, channel, province, site
    union all
    select
        business,
        channel,
        '*' as province,
        site,
        count(*) as order_count
    from served
    group by business, channel, site
)

select
    business,
    channel,
    province,
    site,
    order_count
from counted
qualify row_number() over (partition by business, channel, province order by order_count desc, site asc) = 1
