-- A household shares a device too: how many customers a device or an address has is a hint, not a verdict.
with orders as (
    select
        devices.*,
        order_numbers.order_key,
        orders.channel || ':' || orders.buyer_id as customer
    from {{ ref('int_order_devices_unioned') }} as devices
    left join {{ ref('int_order_numbers') }} as order_numbers
        on devices.business = order_numbers.business and devices.order_no = order_numbers.order_no
    left join {{ ref('int_orders_unioned') }} as orders on order_numbers.order_key = orders.order_key
),

devices as (
    select
        business,
        device_token,
        count(distinct customer) as customer_count
    from orders
    group by business, device_token
),

addresses as (
    select
        business,
        address_token,
        count(distinct customer) as customer_count
    from orders
    where address_token is not null
    group by business, address_token
)

select
    orders.source || ':' || orders.channel || ':' || orders.order_no as order_device_key,
    orders.business,
    orders.source,
    orders.channel,
    orders.order_no,
    orders.order_key,
    orders.device_token,
    orders.address_token,
    devices.customer_count as device_customer_count,
    addresses.customer_count as address_customer_count,
    orders.ordered_at,
    orders.known_at
from orders
inner join devices on orders.business = devices.business and orders.device_token = devices.device_token
left join addresses on orders.business = addresses.business and orders.address_token = addresses.address_token
