-- The parts of both ways to count days sales outstanding: add up over channels, then divide once.
with month_ends as (
    select distinct
        business,
        month_end
    from {{ ref('fct_invoice_month_ends') }}
),

open_amounts as (
    select
        business,
        channel,
        currency_code,
        month_end,
        sum(open_amount) as open_amount,
        sum(case when receivable_state = 'overdue' then open_amount else 0 end) as overdue_amount,
        sum(case when receivable_state = 'disputed' then open_amount else 0 end) as disputed_amount
    from {{ ref('fct_invoice_month_ends') }}
    group by business, channel, currency_code, month_end
),

invoiced as (
    select
        invoices.business,
        invoices.channel,
        invoices.currency_code,
        month_ends.month_end,
        sum(invoices.amount) as invoiced_amount,
        count(*) as invoice_count
    from {{ ref('fct_invoices') }} as invoices
    inner join month_ends
        on
            invoices.business = month_ends.business
            and {{ month_of('invoices.issued_on') }} = {{ month_of('month_ends.month_end') }}
    group by invoices.business, invoices.channel, invoices.currency_code, month_ends.month_end
),

collected as (
    select
        invoices.business,
        invoices.channel,
        invoices.currency_code,
        month_ends.month_end,
        sum(allocations.amount) as collected_amount,
        sum(allocations.amount * allocations.collection_days) as collected_amount_days
    from {{ ref('fct_payment_allocations') }} as allocations
    inner join {{ ref('fct_invoices') }} as invoices on allocations.invoice_key = invoices.invoice_key
    inner join month_ends
        on
            invoices.business = month_ends.business
            and {{ month_of('allocations.arrived_on') }} = {{ month_of('month_ends.month_end') }}
    group by invoices.business, invoices.channel, invoices.currency_code, month_ends.month_end
)

select
    open_amounts.business,
    open_amounts.channel,
    open_amounts.currency_code,
    open_amounts.month_end,
    cast(extract('day' from open_amounts.month_end) as bigint) as days_in_month,
    cast(coalesce(invoiced.invoiced_amount, 0) as decimal(18, 2)) as invoiced_amount,
    coalesce(invoiced.invoice_count, 0) as invoice_count,
    cast(coalesce(collected.collected_amount, 0) as decimal(18, 2)) as collected_amount,
    cast(coalesce(collected.collected_amount_days, 0) as decimal(18, 2)) as collected_amount_days,
    cast(open_amounts.open_amount as decimal(18, 2)) as open_amount,
    cast(open_amounts.overdue_amount as decimal(18, 2)) as overdue_amount,
    cast(open_amounts.disputed_amount as decimal(18, 2)) as disputed_amount
from open_amounts
left join invoiced
    on
        open_amounts.business = invoiced.business
        and open_amounts.channel = invoiced.channel
        and open_amounts.currency_code = invoiced.currency_code
        and open_amounts.month_end = invoiced.month_end
left join collected
    on
        open_amounts.business = collected.business
        and open_amounts.channel = collected.channel
        and open_amounts.currency_code = collected.currency_code
        and open_amounts.month_end = collected.month_end
