with resolved as (
    select
        source,
        entity,
        load_id,
        count(*) filter (where resolution in ('corrected', 'taken_back')) as corrected,
        count(*) filter (where resolution = 'dropped') as dropped
    from {{ ref('quarantined_records') }}
    where resolution is not null
    group by source, entity, load_id
)

select
    counted.source,
    counted.entity,
    counted.load_id,
    counted.received,
    counted.used,
    counted.duplicates,
    counted.quarantined,
    coalesce(resolved.corrected, 0) as corrected,
    coalesce(resolved.dropped, 0) as dropped,
    counted.superseded,
    counted.received_at
from {{ ref('int_records_counted') }} as counted
left join resolved
    on
        counted.source = resolved.source
        and counted.entity = resolved.entity
        and counted.load_id = resolved.load_id
