{{ config(meta={'dagster': {'ref': {'name': 'rpt_conservation_flows'}}}) }}

-- Left less right is the difference, and a difference has a name.
select
    business,
    flow,
    unit,
    bucket,
    difference
from {{ ref('rpt_conservation_flows') }}
where
    left_quantity - right_quantity != difference
    or (bucket = 'none' and abs(difference) > tolerance)
