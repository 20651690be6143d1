-- Who is still without a second order is counted at the days they have been watched for, so that a survival curve
-- can be drawn from sums: at risk on day d are all who are not in a row of an earlier day.
with first_orders as (
    select
        orders.business,
        orders.channel as first_channel,
        orders.next_purchase_on is not null as has_second_order,
        coalesce(orders.next_purchase_on, clock.as_of_date) - orders.created_on as days
    from {{ ref('fct_person_orders') }} as orders
    inner join {{ ref('int_business_clock') }} as clock on orders.business = clock.business
    where orders.is_first_order
)

select
    business,
    first_channel,
    cast(days as integer) as days_since_first,
    count(*) filter (where has_second_order) as second_order_count,
    count(*) filter (where not has_second_order) as waiting_count
from first_orders
group by business, first_channel, days
