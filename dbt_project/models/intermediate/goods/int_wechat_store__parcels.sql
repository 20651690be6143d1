{{ config(enabled=source_is_enabled('wechat_store')) }}

with parcels as (
    select
        *,
        coalesce(carrier_name, carrier_code) as carrier
    from {{ ref('int_wechat_store__parcels_classified') }}
    where is_current and tracking_no is not null
)

select
    'wechat_store' as source,
    parcels.tracking_no,
    parcels.order_no,
    coalesce(carrier_names.carrier, parcels.carrier) as carrier,
    'CONSIGNED' as source_status,
    parcels.shipped_at,
    null as promised_at,
    null as delivered_at,
    parcels.received_at as known_at
from parcels
left join {{ ref('carrier_names') }} as carrier_names
    on {{ carrier_key('parcels.carrier') }} = carrier_names.name
