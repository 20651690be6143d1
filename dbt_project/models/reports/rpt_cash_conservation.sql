-- From what was ordered to what the bank has: each step in the money of one book, the next in that of the other, and
-- between them every difference by its named bucket.
with walk as (
    select
        business,
        comparison,
        currency_code,
        residual_bucket,
        sum(recorded_amount) as recorded_amount,
        sum(reported_amount) as reported_amount,
        sum(difference_amount) as difference_amount
    from {{ ref('rpt_reconciliation') }}
    group by business, comparison, currency_code, residual_bucket
),

totals as (
    select
        business,
        comparison,
        currency_code,
        sum(recorded_amount) as all_recorded_amount,
        sum(reported_amount) as all_reported_amount
    from walk
    group by business, comparison, currency_code
)

select
    walk.business,
    walk.comparison as flow,
    walk.currency_code as unit,
    cast(walk.recorded_amount as decimal(18, 6)) as left_quantity,
    cast(walk.reported_amount as decimal(18, 6)) as right_quantity,
    cast(walk.difference_amount as decimal(18, 6)) as difference,
    walk.residual_bucket as bucket,
    cast(
        buckets.tolerated_share * greatest(abs(totals.all_recorded_amount), abs(totals.all_reported_amount))
        as decimal(18, 6)
    ) as tolerance,
    buckets.owner
from walk
inner join totals
    on
        walk.business = totals.business
        and walk.comparison = totals.comparison
        and walk.currency_code = totals.currency_code
inner join {{ ref('residual_buckets') }} as buckets on walk.residual_bucket = buckets.residual_bucket
