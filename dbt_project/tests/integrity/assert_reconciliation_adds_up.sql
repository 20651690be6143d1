{{ config(meta={'dagster': {'ref': {'name': 'rpt_reconciliation'}}}) }}

-- The buckets explain the whole difference: nothing that the services reported, paid out or that the shop recorded is
-- left out of the comparison or stands in it twice.
with report as (
    select
        business,
        comparison,
        provider,
        currency_code,
        case when item_type in ('fee', 'other') then 'reported' else item_type end as side,
        sum(recorded_amount) as recorded_amount,
        sum(reported_amount) as reported_amount,
        sum(difference_amount) as difference_amount
    from {{ ref('rpt_reconciliation') }}
    group by
        business, comparison, provider, currency_code,
        case when item_type in ('fee', 'other') then 'reported' else item_type end
),

compared as (
    select
        'recorded payments' as what,
        business,
        provider,
        currency_code,
        recorded_amount as amount
    from report
    where comparison = 'payment_settlement' and side = 'payment'
    union all
    select
        'reported net of fees' as what,
        business,
        provider,
        currency_code,
        sum(reported_amount) as amount
    from report
    where comparison = 'payment_settlement'
    group by business, provider, currency_code
    union all
    select
        'payouts of settlements' as what,
        business,
        provider,
        currency_code,
        reported_amount as amount
    from report
    where comparison = 'settlement_payout'
),

expected as (
    select
        'recorded payments' as what,
        business,
        provider,
        currency_code,
        sum(amount) as amount
    from {{ ref('fct_routed_payments') }}
    where is_covered
    group by business, provider, currency_code
    union all
    select
        'reported net of fees' as what,
        entries.business,
        entries.provider,
        entries.currency_code,
        sum(entries.net_amount) as amount
    from {{ ref('fct_provider_entries') }} as entries
    left join {{ ref('reconciliation_entry_buckets') }} as buckets
        on entries.provider = buckets.source and entries.source_type = buckets.source_type
    where entries.entry_type <> 'payout' and coalesce(buckets.bucket, '') <> 'own_money'
    group by entries.business, entries.provider, entries.currency_code
    union all
    select
        'payouts of settlements' as what,
        business,
        provider,
        currency_code,
        -sum(net_amount) as amount
    from {{ ref('fct_provider_entries') }}
    where entry_type = 'payout' and settlement_no is not null
    group by business, provider, currency_code
)

select
    coalesce(compared.what, expected.what) as what,
    coalesce(compared.business, expected.business) as business,
    coalesce(compared.provider, expected.provider) as provider,
    compared.amount,
    expected.amount as expected_amount
from compared
full outer join expected
    on
        compared.what = expected.what
        and compared.business = expected.business
        and compared.provider = expected.provider
        and compared.currency_code = expected.currency_code
where coalesce(compared.amount, 0) <> coalesce(expected.amount, 0)
union all
select
    comparison as what,
    business,
    provider,
    difference_amount as amount,
    recorded_amount - reported_amount as expected_amount
from report
where difference_amount <> recorded_amount - reported_amount
