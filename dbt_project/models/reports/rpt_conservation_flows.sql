select
    business,
    flow,
    unit,
    left_name,
    right_name,
    left_quantity,
    right_quantity,
    difference,
    bucket,
    tolerance,
    owner
from {{ ref('rpt_stock_conservation') }}
union all
select
    business,
    flow,
    unit,
    left_name,
    right_name,
    left_quantity,
    right_quantity,
    difference,
    bucket,
    tolerance,
    owner
from {{ ref('rpt_cash_conservation') }}
