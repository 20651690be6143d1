select
    business,
    comparison,
    item_type,
    coalesce(channel, '*') as channel,
    provider,
    item_on as business_date,
    residual_bucket,
    currency_code,
    count(*) as item_count,
    cast(sum(coalesce(recorded_amount, 0)) as decimal(18, 6)) as recorded_amount,
    cast(sum(coalesce(reported_amount, 0)) as decimal(18, 6)) as reported_amount,
    cast(sum(difference_amount) as decimal(18, 6)) as difference_amount,
    cast(sum(abs(difference_amount)) as decimal(18, 6)) as absolute_difference_amount
from {{ ref('fct_reconciliation_items') }}
group by
    business, comparison, item_type, coalesce(channel, '*'), provider, item_on, residual_bucket, currency_code
