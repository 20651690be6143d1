select
    source,
    entity,
    cast(sum(received) as bigint) as record_count,
    count(*) as load_count,
    cast(sum(file_count) as bigint) as file_count,
    max(received_at) as last_received_at,
    max(last_event_at) as last_event_at
from {{ ref('int_records_counted') }}
group by source, entity
