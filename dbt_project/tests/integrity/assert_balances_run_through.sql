{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_payment_entries'}}}) }}

-- The movements of an account lead from balance to balance through all its bills: every balance but the first and the
-- last is left as often as it is reached, whatever the order of rows. More than two open ends mean that a day or a
-- movement is missing. A warning: a provider may have no bills any more from before a pause.
with ends as (
    select
        source,
        account,
        currency_code,
        balance_after - amount as balance,
        1 as step
    from {{ ref('fct_payment_entries') }}
    where balance_after is not null
    union all
    select
        source,
        account,
        currency_code,
        balance_after as balance,
        -1 as step
    from {{ ref('fct_payment_entries') }}
    where balance_after is not null
),

open_ends as (
    select
        source,
        account,
        currency_code,
        balance
    from ends
    group by source, account, currency_code, balance
    having sum(step) != 0
)

select
    source,
    account,
    currency_code,
    count(*) as open_ends
from open_ends
group by source, account, currency_code
having count(*) > 2
