with refunds as (
    select * from {{ ref('int_refunds_unioned') }}
),

channels_of_orders as (
    select
        order_key,
        channel
    from {{ ref('int_orders_unioned') }}
)

select
    refunds.source || ':' || refunds.refund_no as refund_key,
    {{ order_key('refunds.source', 'refunds.order_no') }} as order_key,
    refunds.line_no,
    refunds.source,
    channels_of_orders.channel,
    cast(refunds.quantity as bigint) as quantity,
    refunds.amount,
    refunds.currency_code,
    coalesce(refunds.derived_status, refund_status_map.refund_status, 'unknown') as refund_status,
    refunds.source_status,
    refunds.reason,
    {{ order_key('refunds.source', 'refunds.return_order_no') }} as return_order_key,
    refunds.requested_at,
    refunds.refunded_at,
    refunds.known_at
from refunds
left join {{ ref('refund_status_map') }} as refund_status_map
    on
        refunds.source = refund_status_map.source
        and refunds.source_status = refund_status_map.source_status
left join channels_of_orders
    on {{ order_key('refunds.source', 'refunds.order_no') }} = channels_of_orders.order_key
