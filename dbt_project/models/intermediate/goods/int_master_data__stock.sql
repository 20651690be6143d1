{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    counted_on as business_date,
    site,
    sku,
    on_hand,
    coalesce(reserved, 0) as reserved,
    coalesce(outbound, 0) as outbound,
    coalesce(inbound, 0) as inbound,
    received_at as known_at
from {{ ref('int_master_data__stock_on_hand_classified') }}
where is_current
