{{ config(enabled=source_is_enabled('tmall')) }}

select
    source,
    order_no as refund_no,
    order_no,
    null as line_no,
    null as quantity,
    refunded_amount as amount,
    currency_code,
    null as source_status,
    'refunded' as derived_status,
    null as reason,
    null as return_order_no,
    null as requested_at,
    null as refunded_at,
    known_at
from {{ ref('int_tmall__orders') }}
where refunded_amount > 0
