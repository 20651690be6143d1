{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    business_date,
    site,
    sku,
    on_hand,
    reserved,
    0 as outbound,
    inbound,
    received_at as known_at
from {{ ref('int_sandbox__stock_classified') }}
where is_current
