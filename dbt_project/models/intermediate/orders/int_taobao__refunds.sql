{{ config(enabled=source_is_enabled('taobao')) }}

select
    'taobao' as source,
    refund_no,
    order_no,
    try_cast(line_id as bigint) as line_no,
    quantity,
    amount,
    {{ currency_of('taobao') }} as currency_code,
    status as source_status,
    null as derived_status,
    reason,
    null as return_order_no,
    requested_at,
    -- TOP gives no time of its own for the money going back: a refund changes last when it succeeds.
    case when status = 'SUCCESS' then modified_at end as refunded_at,
    received_at as known_at
from {{ ref('int_taobao__refunds_classified') }}
where is_current
