{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_payment_allocations'}}}) }}

-- No invoice is settled by more than it is for, no transfer settles more than it brought, and every settled amount
-- has both. A warning: the difference is the ledger's, or an invoice or a transfer is in quarantine.
select
    'fct_invoices' as ledger,
    invoice_key as ledger_key
from {{ ref('fct_invoices') }}
where open_amount < 0
union all
select
    'fct_receipts' as ledger,
    receipt_key as ledger_key
from {{ ref('fct_receipts') }}
where unallocated_amount < 0
union all
select
    'fct_payment_allocations' as ledger,
    payment_allocation_key as ledger_key
from {{ ref('fct_payment_allocations') }}
where collection_days is null
