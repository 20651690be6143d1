-- Money and invoice may arrive in any order: what is missing joins as soon as it comes.
with allocations as (
    select
        allocations.*,
        invoices.issued_on,
        receipts.arrived_at,
        {{ business_date('receipts.arrived_at') }} as arrived_on
    from {{ ref('int_payment_allocations_unioned') }} as allocations
    left join {{ ref('int_receipts_unioned') }} as receipts
        on allocations.source = receipts.source and allocations.receipt_no = receipts.receipt_no
    left join {{ ref('int_invoices_unioned') }} as invoices
        on allocations.source = invoices.source and allocations.invoice_no = invoices.invoice_no
)

select
    source || ':' || receipt_no || ':' || invoice_no as payment_allocation_key,
    business,
    source,
    source || ':' || receipt_no as receipt_key,
    source || ':' || invoice_no as invoice_key,
    amount,
    currency_code,
    allocated_at,
    arrived_on,
    cast(arrived_on - issued_on as bigint) as collection_days,
    known_at
from allocations
