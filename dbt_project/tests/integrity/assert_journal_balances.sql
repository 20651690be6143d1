{{ config(meta={'dagster': {'ref': {'name': 'fct_journal_entries'}}}) }}

-- Every batch balances, every account is in the chart, and the ledger's receivable is what its invoices leave open.
with entries as (
    select * from {{ ref('fct_journal_entries') }}
),

open_invoices as (
    select
        business,
        currency_code,
        sum(open_amount) as amount
    from {{ ref('fct_invoices') }}
    group by business, currency_code
),

receivable_accounts as (
    select distinct debit_account as account_code
    from {{ ref('journal_rules') }}
    where document_type = 'invoice'
),

receivables as (
    select
        entries.business,
        entries.currency_code,
        sum(entries.debit_amount - entries.credit_amount) as amount
    from entries
    inner join receivable_accounts on entries.account_code = receivable_accounts.account_code
    where entries.document_type in ('invoice', 'allocation')
    group by entries.business, entries.currency_code
)

select
    'batch ' || batch_key as what,
    currency_code,
    sum(debit_amount) as amount,
    sum(credit_amount) as expected_amount
from entries
group by batch_key, currency_code
having sum(debit_amount) <> sum(credit_amount)
union all
select
    'account ' || entries.account_code as what,
    entries.currency_code,
    sum(entries.debit_amount) as amount,
    0 as expected_amount
from entries
left join {{ ref('chart_of_accounts') }} as accounts on entries.account_code = accounts.account_code
where accounts.account_code is null
group by entries.account_code, entries.currency_code
union all
select
    'receivable of ' || open_invoices.business as what,
    open_invoices.currency_code,
    coalesce(receivables.amount, 0) as amount,
    open_invoices.amount as expected_amount
from open_invoices
left join receivables
    on
        open_invoices.business = receivables.business
        and open_invoices.currency_code = receivables.currency_code
where coalesce(receivables.amount, 0) <> open_invoices.amount
