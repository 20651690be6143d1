-- Settled is when a provider's bill shows the payment, or the invoice is paid, and the goods have arrived: whatever
-- comes last. What has not arrived is not settled, however long the bill has shown it: the money may have to go back.
-- Where nobody tells when goods arrive, the order's status tells that they did, and the bill says when. A cancelled
-- order whose source keeps no history ended at an unknown time, at the latest now.
with settlements as (
    select
        order_key,
        min(occurred_at) as settled_at
    from {{ ref('fct_payment_entries') }}
    where entry_type = 'payment' and order_key is not null
    group by order_key
),

invoices as (
    select
        order_key,
        case
            when count(*) = count(settled_on) then max({{ end_of_business_date('settled_on') }})
        end as settled_at
    from {{ ref('fct_invoices') }}
    where order_key is not null
    group by order_key
),

versions as (
    select
        order_key,
        min(event_at) filter (where order_status = 'allocated') as allocated_at,
        min(event_at) filter (where order_status = 'cancelled') as cancelled_at
    from {{ ref('fct_order_versions') }}
    group by order_key
)

select
    orders.order_key,
    orders.business,
    orders.source,
    orders.channel,
    orders.order_type,
    orders.order_status,
    orders.customer_key,
    orders.created_at as ordered_at,
    orders.paid_at,
    versions.allocated_at,
    coalesce(orders.shipped_at, orders.delivered_at) as shipped_at,
    orders.delivered_at,
    case
        when
            coalesce(settlements.settled_at, invoices.settled_at) is not null
            and (orders.delivered_at is not null or orders.order_status in ('delivered', 'completed'))
            then greatest(coalesce(settlements.settled_at, invoices.settled_at), orders.delivered_at)
    end as settled_at,
    case
        when orders.order_status = 'cancelled' then coalesce(versions.cancelled_at, clock.as_of)
    end as cancelled_at,
    clock.as_of,
    orders.gross_amount,
    orders.currency_code,
    orders.province,
    orders.known_at
from {{ ref('fct_orders') }} as orders
left join {{ ref('int_business_clock') }} as clock on orders.business = clock.business
left join settlements on orders.order_key = settlements.order_key
left join invoices on orders.order_key = invoices.order_key
left join versions on orders.order_key = versions.order_key
