{{ config(enabled=source_is_enabled('sf_express')) }}

with told as (
    select
        tracking_no,
        scanned_at,
        coalesce(source_code, other_source_code) as source_code,
        first_status,
        place,
        description,
        received_at
    from {{ ref('int_sf_express__scans_classified') }}
    where is_current
    union all
    select
        tracking_no,
        scanned_at,
        coalesce(source_code, other_source_code) as source_code,
        null as first_status,
        place,
        description,
        received_at
    from {{ ref('int_sf_express__push_scans_classified') }}
    where is_current
),

scans as (
    select
        tracking_no,
        'sf' as carrier,
        scanned_at,
        source_code,
        description,
        max(first_status) as first_status,
        max(place) as place,
        min(received_at) as known_at
    from told
    group by tracking_no, scanned_at, source_code, description
)

select
    {{ scan_key('sf_express') }} as scan_key,
    'sf_express' as source,
    scans.tracking_no,
    scans.carrier,
    scans.scanned_at,
    -- An operation code that nobody listed still comes with the first level of SF's own status.
    coalesce(by_code.shipment_status, by_first_status.shipment_status, 'unknown') as shipment_status,
    scans.source_code,
    scans.place,
    scans.description,
    scans.known_at
from scans
left join {{ ref('carrier_scan_codes') }} as by_code
    on by_code.source = 'sf_express' and scans.source_code = by_code.code
left join {{ ref('carrier_scan_codes') }} as by_first_status
    on by_first_status.source = 'sf_express' and by_first_status.code = 'first:' || scans.first_status
