-- Money counts from the day it arrived, whenever it was booked against the invoice.
with clock as (
    select
        business,
        {{ day_until('as_of') }} as as_of_date
    from {{ ref('int_business_clock') }}
),

invoices as (
    select
        invoices.*,
        clock.as_of_date
    from {{ ref('fct_invoices') }} as invoices
    inner join clock on invoices.business = clock.business
),

spans as (
    select
        business,
        min(issued_on) as first_on,
        max(as_of_date) as last_on
    from invoices
    group by business
),

days as (
    {{ dates_between('spans', ['business'], 'first_on', 'last_on') }}
),

month_ends as (
    select
        business,
        business_date as month_end
    from days
    where extract('day' from business_date + 1) = 1
),

outstanding as (
    select
        month_ends.month_end,
        invoices.invoice_key,
        invoices.business,
        invoices.source,
        invoices.channel,
        invoices.invoice_no,
        invoices.customer_key,
        invoices.issued_on,
        invoices.due_on,
        invoices.amount,
        invoices.currency_code,
        invoices.known_at
    from month_ends
    inner join invoices
        on
            month_ends.business = invoices.business
            and month_ends.month_end >= invoices.issued_on
            and coalesce(invoices.settled_on, month_ends.month_end + 1) > month_ends.month_end
),

paid as (
    select
        outstanding.month_end,
        outstanding.invoice_key,
        sum(allocations.amount) as paid_amount
    from outstanding
    inner join {{ ref('fct_payment_allocations') }} as allocations
        on
            outstanding.invoice_key = allocations.invoice_key
            and outstanding.month_end >= allocations.arrived_on
    group by outstanding.month_end, outstanding.invoice_key
)

select
    outstanding.invoice_key || ':' || cast(outstanding.month_end as varchar) as invoice_month_end_key,
    outstanding.invoice_key,
    outstanding.business,
    outstanding.channel,
    outstanding.customer_key,
    outstanding.month_end,
    outstanding.issued_on,
    outstanding.due_on,
    cast(outstanding.amount - coalesce(paid.paid_amount, 0) as decimal(18, 2)) as open_amount,
    case
        when disputes.invoice_no is not null then 'disputed'
        when outstanding.due_on < outstanding.month_end then 'overdue'
        else 'not_due'
    end as receivable_state,
    outstanding.currency_code,
    outstanding.known_at
from outstanding
left join paid
    on outstanding.month_end = paid.month_end and outstanding.invoice_key = paid.invoice_key
left join {{ ref('invoice_disputes') }} as disputes
    on
        outstanding.source = disputes.source
        and outstanding.invoice_no = disputes.invoice_no
        and outstanding.month_end >= disputes.disputed_from
        and outstanding.month_end <= coalesce(disputes.disputed_until, outstanding.month_end)
