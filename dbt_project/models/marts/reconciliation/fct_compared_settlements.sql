-- What a service reported under one settlement number, after its fees, against what it paid out under it.
select
    business,
    provider,
    account,
    settlement_no,
    cast(sum(case when entry_type = 'payout' then 0 else net_amount end) as decimal(18, 6)) as recorded_amount,
    cast(sum(case when entry_type = 'payout' then -net_amount else 0 end) as decimal(18, 6)) as reported_amount,
    max(case when entry_type = 'payout' then payment_entry_key end) as payout_key,
    currency_code,
    max(occurred_on) as item_on,
    max(known_at) as known_at
from {{ ref('fct_provider_entries') }}
where settlement_no is not null
group by business, provider, account, settlement_no, currency_code
