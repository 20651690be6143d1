with used as (
    select
        source,
        receipt_no,
        sum(amount) as allocated_amount
    from {{ ref('int_payment_allocations_unioned') }}
    group by source, receipt_no
)

select
    receipts.source || ':' || receipts.receipt_no as receipt_key,
    receipts.business,
    receipts.source,
    receipts.channel,
    receipts.receipt_no,
    {{ customer_key('receipts.source', 'receipts.channel', 'receipts.customer_no') }} as customer_key,
    receipts.arrived_at,
    {{ business_date('receipts.arrived_at') }} as arrived_on,
    receipts.method,
    receipts.amount,
    cast(coalesce(used.allocated_amount, 0) as decimal(18, 2)) as allocated_amount,
    cast(receipts.amount - coalesce(used.allocated_amount, 0) as decimal(18, 2)) as unallocated_amount,
    receipts.currency_code,
    receipts.known_at
from {{ ref('int_receipts_unioned') }} as receipts
left join used on receipts.source = used.source and receipts.receipt_no = used.receipt_no
