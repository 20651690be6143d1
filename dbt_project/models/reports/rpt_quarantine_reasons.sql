with described as (
    select
        *,
        {{ without_values('reason') }} as general_reason
    from {{ ref('quarantined_records') }}
    where not is_superseded and resolution is null
)

select
    source,
    entity,
    general_reason as reason,
    count(*) as record_count,
    cast(sum(amount) as decimal(18, 2)) as amount,
    min(reason) as example,
    max(received_at) as last_received_at
from described
group by source, entity, general_reason
