{{ config(meta={'dagster': {'ref': {'name': 'quarantined_records'}}}) }}

-- Every record counted as quarantined is listed with its reason, and no other is.
with listed as (
    select
        source,
        entity,
        load_id,
        count(*) as record_count
    from {{ ref('quarantined_records') }}
    group by source, entity, load_id
)

select
    conservation.source,
    conservation.entity,
    conservation.load_id,
    conservation.quarantined,
    listed.record_count
from {{ ref('rpt_conservation') }} as conservation
full outer join listed
    on
        conservation.source = listed.source
        and conservation.entity = listed.entity
        and conservation.load_id = listed.load_id
where coalesce(conservation.quarantined, 0) != coalesce(listed.record_count, 0)
