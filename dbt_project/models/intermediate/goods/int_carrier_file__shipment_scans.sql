{{ config(enabled=source_is_enabled('carrier_file')) }}

with scans as (
    select
        records.tracking_no,
        coalesce(carrier_names.carrier, records.carrier_name) as carrier,
        records.scanned_at,
        records.source_code,
        max(records.place) as place,
        records.description,
        min(records.received_at) as known_at
    from {{ ref('int_carrier_file__scans_classified') }} as records
    left join {{ ref('carrier_names') }} as carrier_names
        on {{ carrier_key('records.carrier_name') }} = carrier_names.name
    where records.is_current
    group by
        records.tracking_no,
        coalesce(carrier_names.carrier, records.carrier_name),
        records.scanned_at,
        records.source_code,
        records.description
)

select
    {{ scan_key('carrier_file') }} as scan_key,
    'carrier_file' as source,
    scans.tracking_no,
    scans.carrier,
    scans.scanned_at,
    coalesce(by_code.shipment_status, 'unknown') as shipment_status,
    scans.source_code,
    scans.place,
    scans.description,
    scans.known_at
from scans
left join {{ ref('carrier_scan_codes') }} as by_code
    on by_code.source = 'carrier_file' and upper(scans.source_code) = by_code.code
