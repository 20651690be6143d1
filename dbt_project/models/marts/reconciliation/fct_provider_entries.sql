-- Where an account has two kinds of bill, payments, refunds and fees are read from the trade bill and payouts from the
-- account bill: never the same money twice.
with entries as (
    select * from {{ ref('fct_payment_entries') }}
    where not {{ is_bank('source') }}
),

accounts as (
    select
        source,
        account,
        max(case when bill_kind = 'trade' then 1 else 0 end) as has_trade_bill,
        max(case when bill_kind = 'account' then 1 else 0 end) as has_account_bill
    from entries
    group by source, account
)

select
    entries.business,
    entries.source as provider,
    entries.account,
    entries.payment_entry_key,
    entries.entry_type,
    entries.source_type,
    entries.order_key,
    entries.channel,
    entries.provider_payment_no,
    entries.settlement_no,
    entries.amount,
    entries.fee_amount,
    entries.net_amount,
    entries.currency_code,
    entries.occurred_at,
    {{ business_date('entries.occurred_at') }} as occurred_on,
    entries.known_at
from entries
inner join accounts on entries.source = accounts.source and entries.account = accounts.account
where
    case
        when entries.entry_type = 'payout' and accounts.has_account_bill = 1 then entries.bill_kind = 'account'
        when accounts.has_trade_bill = 1 then entries.bill_kind = 'trade'
        else true
    end
