-- Every combination that occurs gets the most specific policy of its time: of the service and currency, of the service,
-- of the currency, of all.
with occurring as (
    select distinct
        provider,
        currency_code
    from {{ ref('fct_provider_entries') }}
    union
    select distinct
        source as provider,
        currency_code
    from {{ ref('fct_orders') }}
    union
    select distinct
        'customer' as provider,
        currency_code
    from {{ ref('fct_receipts') }}
    union
    select distinct
        source as provider,
        currency_code
    from {{ ref('fct_payment_entries') }}
),

ranged as (
    select
        policies.*,
        coalesce(
            lead(policies.valid_from) over (
                partition by policies.comparison, policies.provider, policies.currency_code
                order by policies.valid_from
            ) - 1,
            cast('9999-12-31' as date)
        ) as valid_until
    from {{ ref('reconciliation_policies') }} as policies
)

select
    ranged.comparison,
    occurring.provider,
    occurring.currency_code,
    ranged.amount_tolerance,
    ranged.waiting_days,
    ranged.match_days,
    ranged.minimum_score,
    ranged.amount_weight,
    ranged.days_weight,
    ranged.memo_weight,
    ranged.version,
    ranged.valid_from,
    ranged.valid_until
from occurring
inner join ranged
    on ranged.provider in ('*', occurring.provider) and ranged.currency_code in ('*', occurring.currency_code)
qualify rank() over (
    partition by ranged.comparison, occurring.provider, occurring.currency_code
    order by
        case when ranged.provider = '*' then 1 else 0 end,
        case when ranged.currency_code = '*' then 1 else 0 end
) = 1
