-- Parts of an order may have invoices of their own: an invoice is one too many when it takes the order above its
-- amount, or, where the order is not known, repeats the amount of an earlier one.
with invoices as (
    select
        invoices.*,
        orders.gross_amount as order_amount,
        sum(invoices.amount) over (
            partition by invoices.source, invoices.order_no
            order by invoices.issued_on, invoices.invoice_no
            rows between unbounded preceding and current row
        ) as invoiced_so_far,
        row_number() over (
            partition by invoices.source, invoices.order_no
            order by invoices.issued_on, invoices.invoice_no
        ) as invoice_number,
        row_number() over (
            partition by invoices.source, invoices.order_no, invoices.amount
            order by invoices.issued_on, invoices.invoice_no
        ) as same_amount_number,
        first_value(invoices.invoice_key) over (
            partition by invoices.source, invoices.order_no
            order by invoices.issued_on, invoices.invoice_no
        ) as first_invoice_key
    from {{ ref('fct_invoices') }} as invoices
    left join {{ ref('fct_orders') }} as orders on invoices.order_key = orders.order_key
    where invoices.order_no is not null
)

select
    invoice_key,
    business,
    source,
    channel,
    invoice_no,
    first_invoice_key,
    order_no,
    order_key,
    customer_key,
    issued_on,
    amount,
    order_amount,
    cast(invoiced_so_far as decimal(18, 2)) as invoiced_so_far_amount,
    currency_code,
    known_at
from invoices
where
    invoice_number > 1
    and case
        when order_amount is not null then invoiced_so_far > order_amount
        else same_amount_number > 1
    end
