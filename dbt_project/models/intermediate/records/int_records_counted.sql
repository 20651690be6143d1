{{ config(materialized='table') }}

with records as (
    {{ union_classified(
        [
            'load_id', 'file_sha256', 'received_at', 'disposition', 'is_current', 'record_event_at',
            'record_amount',
        ],
        '1 = 1'
    ) }}
)

select
    source,
    entity,
    load_id,
    min(received_at) as received_at,
    count(distinct file_sha256) as file_count,
    count(*) as received,
    count(*) filter (where disposition = 'used') as used,
    count(*) filter (where disposition = 'duplicate') as duplicates,
    count(*) filter (where disposition = 'quarantined') as quarantined,
    count(*) filter (where disposition = 'used' and not is_current) as superseded,
    max(record_event_at) filter (where disposition = 'used') as last_event_at
from records
group by source, entity, load_id
