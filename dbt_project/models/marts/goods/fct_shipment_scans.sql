select
    scan_key,
    business,
    source,
    tracking_no,
    carrier,
    scanned_at,
    happened_at,
    shipment_status,
    source_code,
    place,
    description,
    is_ahead_of_receipt,
    known_at
from {{ ref('int_shipment_scans_unioned') }}
