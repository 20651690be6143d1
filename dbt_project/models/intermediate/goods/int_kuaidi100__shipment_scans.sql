{{ config(enabled=source_is_enabled('kuaidi100')) }}

-- Answers and pushes have one shape. Where little detail was ordered a scan has no code; then the state of the whole
-- parcel is that of its newest scan.
with told as (
    select
        scans.tracking_no,
        scans.company_code,
        scans.scanned_at,
        coalesce(
            scans.source_code,
            scans.other_source_code,
            case when scans.scanned_at = tracks.last_scanned_at then tracks.state end
        ) as source_code,
        scans.place,
        scans.description,
        scans.received_at
    from {{ ref('int_kuaidi100__scans_classified') }} as scans
    left join {{ ref('int_kuaidi100__tracks_classified') }} as tracks
        on split_part(scans.source_id, '#', 1) = tracks.source_id
    where scans.is_current
    union all
    select
        scans.tracking_no,
        scans.company_code,
        scans.scanned_at,
        coalesce(
            scans.source_code,
            scans.other_source_code,
            case when scans.scanned_at = pushes.last_scanned_at then pushes.state end
        ) as source_code,
        scans.place,
        scans.description,
        scans.received_at
    from {{ ref('int_kuaidi100__push_scans_classified') }} as scans
    left join {{ ref('int_kuaidi100__pushes_classified') }} as pushes
        on split_part(scans.source_id, '#', 1) = pushes.source_id
    where scans.is_current
),

-- Each answer tells all scans of its parcel so far. One scan is told again with a finer code once Kuaidi100
-- understands it, or in other words: of what happened in one second the newest telling counts.
scans as (
    select
        told.tracking_no,
        coalesce(carrier_names.carrier, told.company_code) as carrier,
        told.scanned_at,
        arg_max(told.source_code, told.received_at) as source_code,
        max(told.place) as place,
        told.description,
        min(told.received_at) as known_at
    from told
    left join {{ ref('carrier_names') }} as carrier_names
        on {{ carrier_key('told.company_code') }} = carrier_names.name
    group by
        told.tracking_no,
        coalesce(carrier_names.carrier, told.company_code),
        told.scanned_at,
        told.description,
        case when told.description is null then told.source_code end
    qualify
        max(told.received_at) = max(max(told.received_at)) over (
            partition by told.tracking_no, coalesce(carrier_names.carrier, told.company_code), told.scanned_at
        )
)

select
    {{ scan_key('kuaidi100') }} as scan_key,
    'kuaidi100' as source,
    scans.tracking_no,
    scans.carrier,
    scans.scanned_at,
    coalesce(by_code.shipment_status, by_family.shipment_status, 'unknown') as shipment_status,
    scans.source_code,
    scans.place,
    scans.description,
    scans.known_at
from scans
left join {{ ref('carrier_scan_codes') }} as by_code
    on by_code.source = 'kuaidi100' and scans.source_code = by_code.code
left join {{ ref('carrier_scan_codes') }} as by_family
    on by_family.source = 'kuaidi100' and {{ kuaidi100_family('scans.source_code') }} = by_family.code
