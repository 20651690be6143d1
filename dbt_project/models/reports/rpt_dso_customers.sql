-- A customer's days are their open money / the sales of all customers in the month * its days: over all customers they
-- add up to the days sales outstanding, and their changes to its change.
with months as (
    select
        business,
        currency_code,
        month_end,
        max(days_in_month) as days_in_month,
        sum(invoiced_amount) as invoiced_amount
    from {{ ref('rpt_receivable_months') }}
    group by business, currency_code, month_end
    having sum(invoiced_amount) > 0
),

paired as (
    select
        *,
        lag(month_end) over (partition by business, currency_code order by month_end) as month_end_before,
        lag(days_in_month) over (partition by business, currency_code order by month_end) as days_in_month_before,
        lag(invoiced_amount) over (partition by business, currency_code order by month_end) as invoiced_amount_before
    from months
),

owed as (
    select
        business,
        currency_code,
        customer_key,
        month_end,
        sum(open_amount) as open_amount,
        sum(case when receivable_state = 'overdue' then open_amount else 0 end) as overdue_amount
    from {{ ref('fct_invoice_month_ends') }}
    group by business, currency_code, customer_key, month_end
),

sides as (
    select
        paired.business,
        paired.currency_code,
        paired.month_end,
        owed.customer_key,
        owed.open_amount,
        owed.overdue_amount,
        cast(0 as decimal(18, 2)) as open_amount_before
    from paired
    inner join owed
        on
            paired.business = owed.business
            and paired.currency_code = owed.currency_code
            and paired.month_end = owed.month_end
    where paired.month_end_before is not null
    union all
    select
        paired.business,
        paired.currency_code,
        paired.month_end,
        owed.customer_key,
        cast(0 as decimal(18, 2)) as open_amount,
        cast(0 as decimal(18, 2)) as overdue_amount,
        owed.open_amount as open_amount_before
    from paired
    inner join owed
        on
            paired.business = owed.business
            and paired.currency_code = owed.currency_code
            and paired.month_end_before = owed.month_end
),

customers as (
    select
        business,
        currency_code,
        month_end,
        customer_key,
        sum(open_amount) as open_amount,
        sum(overdue_amount) as overdue_amount,
        sum(open_amount_before) as open_amount_before
    from sides
    group by business, currency_code, month_end, customer_key
)

select
    customers.business,
    customers.currency_code,
    customers.month_end,
    customers.customer_key,
    cast(customers.open_amount as decimal(18, 2)) as open_amount,
    cast(customers.open_amount_before as decimal(18, 2)) as open_amount_before,
    cast(customers.overdue_amount as decimal(18, 2)) as overdue_amount,
    cast(
        customers.open_amount / paired.invoiced_amount * paired.days_in_month
        - customers.open_amount_before / paired.invoiced_amount_before * paired.days_in_month_before
        as decimal(18, 6)
    ) as changed_days
from customers
inner join paired
    on
        customers.business = paired.business
        and customers.currency_code = paired.currency_code
        and customers.month_end = paired.month_end
where customers.open_amount <> 0 or customers.open_amount_before <> 0
