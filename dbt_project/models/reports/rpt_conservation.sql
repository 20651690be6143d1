select
    source,
    entity,
    load_id,
    received,
    used,
    duplicates,
    quarantined,
    superseded,
    received_at
from {{ ref('int_records_counted') }}
