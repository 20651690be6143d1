-- Left less right of every pair of figures that must be equal, by the bucket that names the difference. Records walk
-- as goods and money do: what was received, and of it what was used.
with records as (
    select
        sources.business,
        counted.received,
        counted.used,
        counted.duplicates,
        counted.quarantined,
        counted.corrected,
        counted.dropped
    from {{ ref('rpt_conservation') }} as counted
    inner join {{ ref('dim_sources') }} as sources on counted.source = sources.source
),

record_parts as (
    select
        business,
        'used' as bucket,
        used as left_quantity,
        used as right_quantity
    from records
    union all
    select
        business,
        'duplicate' as bucket,
        duplicates as left_quantity,
        0 as right_quantity
    from records
    union all
    select
        business,
        'quarantined' as bucket,
        quarantined - corrected - dropped as left_quantity,
        0 as right_quantity
    from records
    union all
    select
        business,
        'corrected_by_person' as bucket,
        corrected as left_quantity,
        0 as right_quantity
    from records
    union all
    select
        business,
        'dropped_by_person' as bucket,
        dropped as left_quantity,
        0 as right_quantity
    from records
    union all
    select
        business,
        'unaccounted' as bucket,
        received - used - duplicates - quarantined as left_quantity,
        0 as right_quantity
    from records
),

flows as (
    select
        business,
        'records_received' as flow,
        'row' as unit,
        sum(left_quantity) as left_quantity,
        sum(right_quantity) as right_quantity,
        bucket,
        0 as tolerance,
        'team:data-platform' as owner
    from record_parts
    group by business, bucket
    union all
    select
        business,
        flow,
        unit,
        left_quantity,
        right_quantity,
        bucket,
        tolerance,
        owner
    from {{ ref('rpt_stock_conservation') }}
    union all
    select
        business,
        flow,
        unit,
        left_quantity,
        right_quantity,
        bucket,
        tolerance,
        owner
    from {{ ref('rpt_cash_conservation') }}
)

select
    flows.business,
    flows.flow,
    flows.unit,
    names.left_label_en as left_name,
    names.right_label_en as right_name,
    cast(flows.left_quantity as decimal(18, 6)) as left_quantity,
    cast(flows.right_quantity as decimal(18, 6)) as right_quantity,
    cast(flows.left_quantity - flows.right_quantity as decimal(18, 6)) as difference,
    flows.bucket,
    cast(
        case
            when
                flows.bucket in ('unknown', 'unaccounted', 'none', 'used')
                then flows.left_quantity - flows.right_quantity
            else 0
        end as decimal(18, 6)
    ) as unexplained_quantity,
    cast(flows.tolerance as decimal(18, 6)) as tolerance,
    flows.owner
from flows
inner join {{ ref('conservation_flows') }} as names on flows.flow = names.flow
