with settled as (
    select
        allocations.source,
        allocations.invoice_no,
        sum(allocations.amount) as allocated_amount,
        max(receipts.arrived_at) as last_arrived_at
    from {{ ref('int_payment_allocations_unioned') }} as allocations
    left join {{ ref('int_receipts_unioned') }} as receipts
        on allocations.source = receipts.source and allocations.receipt_no = receipts.receipt_no
    group by allocations.source, allocations.invoice_no
)

select
    invoices.source || ':' || invoices.invoice_no as invoice_key,
    invoices.business,
    invoices.source,
    invoices.channel,
    invoices.invoice_no,
    {{ customer_key('invoices.source', 'invoices.channel', 'invoices.customer_no') }} as customer_key,
    invoices.order_no,
    order_numbers.order_key,
    invoices.issued_on,
    invoices.due_on,
    invoices.amount,
    cast(coalesce(settled.allocated_amount, 0) as decimal(18, 2)) as allocated_amount,
    cast(invoices.amount - coalesce(settled.allocated_amount, 0) as decimal(18, 2)) as open_amount,
    case
        when settled.allocated_amount >= invoices.amount then {{ business_date('settled.last_arrived_at') }}
    end as settled_on,
    invoices.currency_code,
    invoices.known_at
from {{ ref('int_invoices_unioned') }} as invoices
left join settled on invoices.source = settled.source and invoices.invoice_no = settled.invoice_no
left join {{ ref('int_order_numbers') }} as order_numbers
    on invoices.business = order_numbers.business and invoices.order_no = order_numbers.order_no
