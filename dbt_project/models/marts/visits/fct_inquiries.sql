-- The order that an inquiry names counts where one order of the business has its number.
with inquiries as (
    select
        inquiries.*,
        order_numbers.order_key,
        coalesce(inquiries.won_at, orders.created_at) as decided_at
    from {{ ref('int_inquiries_unioned') }} as inquiries
    left join {{ ref('int_order_numbers') }} as order_numbers
        on inquiries.business = order_numbers.business and inquiries.order_no = order_numbers.order_no
    left join {{ ref('int_orders_unioned') }} as orders on order_numbers.order_key = orders.order_key
)

select
    source || ':' || channel || ':' || inquiry_no as inquiry_key,
    business,
    source,
    channel,
    inquiry_no,
    inquiry_type,
    customer_token,
    agent,
    asked_at,
    {{ business_date('asked_at') }} as asked_on,
    first_replied_at,
    case
        when first_replied_at >= asked_at then (epoch_us(first_replied_at) - epoch_us(asked_at)) // 1000000
    end as seconds_to_reply,
    sku,
    order_no,
    order_key,
    order_no is not null or won_at is not null as is_won,
    decided_at as won_at,
    coalesce(first_replied_at < asked_at, false) or coalesce(decided_at < asked_at, false) as is_out_of_order,
    known_at
from inquiries
