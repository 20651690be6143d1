-- Every received record is used, an exact duplicate, or quarantined; and as many were staged as the load's files
-- held. A returned row names the load whose records got lost or doubled on the way.
with files as (
    {{ received_record_counts() }}
)

select
    conservation.source,
    conservation.entity,
    conservation.load_id,
    conservation.received,
    conservation.used,
    conservation.duplicates,
    conservation.quarantined,
    files.record_count as received_in_files
from {{ ref('rpt_conservation') }} as conservation
full outer join files
    on
        conservation.source = files.source
        and conservation.entity = files.entity
        and conservation.load_id = files.load_id
where
    conservation.received is distinct from conservation.used + conservation.duplicates + conservation.quarantined
    or coalesce(conservation.received, 0) != coalesce(files.record_count, conservation.received, 0)
