{{ config(enabled=source_is_enabled('inquiries')) }}

select
    'inquiries' as source,
    channel,
    inquiry_no,
    'chat' as inquiry_type,
    customer as customer_token,
    agent,
    asked_at,
    first_replied_at,
    sku,
    order_no,
    cast(null as timestamptz) as won_at,
    received_at as known_at
from {{ ref('int_inquiries__inquiries_classified') }}
where is_current
