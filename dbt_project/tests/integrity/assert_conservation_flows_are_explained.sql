{{ config(meta={'dagster': {'ref': {'name': 'rpt_conservation_flows'}}}) }}

-- Left less right is the difference, a difference has a name, and no part of the report is lost for want of a label.
select
    business,
    flow,
    unit,
    bucket,
    difference
from {{ ref('rpt_conservation_flows') }}
where
    left_quantity - right_quantity != difference
    or (bucket in ('none', 'used', 'unaccounted') and unexplained_quantity != 0)
union all
select
    parts.business,
    parts.flow,
    parts.unit,
    parts.bucket,
    parts.difference
from (
    select
        business,
        flow,
        unit,
        bucket,
        difference
    from {{ ref('rpt_stock_conservation') }}
    union all
    select
        business,
        flow,
        unit,
        bucket,
        difference
    from {{ ref('rpt_cash_conservation') }}
) as parts
left join {{ ref('conservation_flows') }} as names on parts.flow = names.flow
where names.flow is null
