-- Every order has one audit and every audit an order; nobody has more earlier purchases than orders before it, and
-- only whose exposure is above a limit is over it. A returned row is such an order.
select coalesce(orders.order_key, audits.order_key) as order_key
from {{ ref('fct_orders') }} as orders
full outer join {{ ref('fct_order_audits') }} as audits on orders.order_key = audits.order_key
where
    orders.order_key is null
    or audits.order_key is null
    or (audits.person_key is null) != (audits.previous_purchase_count is null)
    or audits.previous_purchase_count < 0
    or (audits.is_over_limit and coalesce(audits.headroom_amount, 0) >= 0)
