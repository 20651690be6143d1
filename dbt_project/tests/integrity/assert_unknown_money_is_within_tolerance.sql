{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'rpt_conservation_flows'}}}) }}

-- Buckets whose money is more than seed `residual_buckets` tolerates of what was compared. A warning, because a finding
-- about the money is no fault of the figures; its items are in `fct_reconciliation_items`.
select
    business,
    flow,
    unit,
    bucket,
    owner,
    difference,
    tolerance
from {{ ref('rpt_cash_conservation') }}
where abs(difference) > tolerance
