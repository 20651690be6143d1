{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    order_no,
    device_id as device_token,
    address_id as address_token,
    created_at as ordered_at,
    received_at as known_at
from {{ ref('int_sandbox__order_devices_classified') }}
where is_current
