{{ config(enabled=source_is_enabled('taobao')) }}

select
    'taobao' as source,
    tracking_no,
    order_no,
    any_value(carrier_name) as carrier,
    'CONSIGNED' as source_status,
    min(shipped_at) as shipped_at,
    null as promised_at,
    null as delivered_at,
    max(received_at) as known_at
from {{ ref('int_taobao__order_lines_classified') }}
where is_current and tracking_no is not null
group by tracking_no, order_no
