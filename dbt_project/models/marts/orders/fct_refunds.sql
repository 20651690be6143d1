{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{{ follow('orders') }}

-- An order of the record's own source comes first; else its number is looked for in the whole business, and counts
-- where one order has it. A number that nobody has yet keeps the key of its own source.
with refunds as (
    select * from {{ ref('int_refunds_unioned') }}
    {{ where_touched() }}
)

select
    refunds.source || ':' || refunds.refund_no as refund_key,
    coalesce(
        own_order.order_key,
        other_order.order_key,
        {{ order_key('refunds.source', 'refunds.order_no') }}
    ) as order_key,
    refunds.order_no,
    refunds.line_no,
    refunds.business,
    refunds.source,
    coalesce(own_order.channel, other_order.channel) as channel,
    cast(refunds.quantity as bigint) as quantity,
    refunds.amount,
    refunds.currency_code,
    coalesce(refunds.derived_status, refund_status_map.refund_status, 'unknown') as refund_status,
    refunds.source_status,
    refunds.reason,
    {{ order_key('refunds.source', 'refunds.return_order_no') }} as return_order_key,
    refunds.requested_at,
    {{ business_date('refunds.requested_at') }} as requested_on,
    refunds.refunded_at,
    {{ business_date('refunds.refunded_at') }} as refunded_on,
    refunds.known_at
from refunds
left join {{ ref('refund_status_map') }} as refund_status_map
    on
        refunds.source = refund_status_map.source
        and refunds.source_status = refund_status_map.source_status
left join {{ ref('int_orders_unioned') }} as own_order
    on {{ order_key('refunds.source', 'refunds.order_no') }} = own_order.order_key
left join {{ ref('int_order_numbers') }} as other_order
    on refunds.business = other_order.business and refunds.order_no = other_order.order_no
