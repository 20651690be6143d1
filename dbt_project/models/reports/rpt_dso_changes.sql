-- Days of a month = receivable / sales of the month * its days. Money that is overdue gives the slow payers' days,
-- disputed money those of disputes; the rest is a weighted mean over customers, whose change is split into changed
-- weights (mix) and changed days of customers who bought in both months (terms).
with ends as (
    select distinct
        business,
        month_end
    from {{ ref('fct_invoice_month_ends') }}
),

sales as (
    select
        invoices.business,
        invoices.currency_code,
        invoices.customer_key,
        ends.month_end,
        sum(invoices.amount) as invoiced_amount
    from {{ ref('fct_invoices') }} as invoices
    inner join ends
        on
            invoices.business = ends.business
            and {{ month_of('invoices.issued_on') }} = {{ month_of('ends.month_end') }}
    group by invoices.business, invoices.currency_code, invoices.customer_key, ends.month_end
),

months as (
    select
        business,
        currency_code,
        month_end,
        max(days_in_month) as days_in_month,
        sum(invoiced_amount) as invoiced_amount,
        sum(open_amount) as open_amount,
        sum(overdue_amount) as overdue_amount,
        sum(disputed_amount) as disputed_amount
    from {{ ref('rpt_receivable_months') }}
    group by business, currency_code, month_end
    having sum(invoiced_amount) > 0
),

totals as (
    select
        *,
        cast(open_amount / invoiced_amount * days_in_month as decimal(18, 6)) as dso_days,
        cast(overdue_amount / invoiced_amount * days_in_month as decimal(18, 6)) as overdue_days,
        cast(disputed_amount / invoiced_amount * days_in_month as decimal(18, 6)) as disputed_days,
        lag(month_end) over (partition by business, currency_code order by month_end) as month_end_before
    from months
),

not_due as (
    select
        business,
        currency_code,
        customer_key,
        month_end,
        sum(open_amount) as open_amount
    from {{ ref('fct_invoice_month_ends') }}
    where receivable_state = 'not_due'
    group by business, currency_code, customer_key, month_end
),

customers as (
    select
        sales.business,
        sales.currency_code,
        sales.customer_key,
        sales.month_end,
        sales.invoiced_amount / totals.invoiced_amount as sales_weight,
        coalesce(not_due.open_amount, 0) / sales.invoiced_amount * totals.days_in_month as days_not_due
    from sales
    inner join totals
        on
            sales.business = totals.business
            and sales.currency_code = totals.currency_code
            and sales.month_end = totals.month_end
    left join not_due
        on
            sales.business = not_due.business
            and sales.currency_code = not_due.currency_code
            and sales.customer_key = not_due.customer_key
            and sales.month_end = not_due.month_end
),

terms as (
    select
        totals.business,
        totals.currency_code,
        totals.month_end,
        cast(
            sum(
                (now_customers.sales_weight + before_customers.sales_weight) / 2
                * (now_customers.days_not_due - before_customers.days_not_due)
            ) as decimal(18, 6)
        ) as terms_days
    from totals
    inner join customers as now_customers
        on
            totals.business = now_customers.business
            and totals.currency_code = now_customers.currency_code
            and totals.month_end = now_customers.month_end
    inner join customers as before_customers
        on
            totals.business = before_customers.business
            and totals.currency_code = before_customers.currency_code
            and totals.month_end_before = before_customers.month_end
            and now_customers.customer_key = before_customers.customer_key
    group by totals.business, totals.currency_code, totals.month_end
),

changes as (
    select
        totals.business,
        totals.currency_code,
        totals.month_end,
        totals.dso_days - earlier.dso_days as all_days,
        totals.overdue_days - earlier.overdue_days as slow_payer_days,
        totals.disputed_days - earlier.disputed_days as dispute_days,
        coalesce(terms.terms_days, 0) as terms_days
    from totals
    inner join totals as earlier
        on
            totals.business = earlier.business
            and totals.currency_code = earlier.currency_code
            and totals.month_end_before = earlier.month_end
    left join terms
        on
            totals.business = terms.business
            and totals.currency_code = terms.currency_code
            and totals.month_end = terms.month_end
)

{% for component, days in [
    ('mix', 'all_days - slow_payer_days - dispute_days - terms_days'),
    ('terms', 'terms_days'),
    ('slow_payers', 'slow_payer_days'),
    ('disputes', 'dispute_days'),
] %}
select
    business,
    currency_code,
    month_end,
    '{{ component }}' as component,
    cast({{ days }} as decimal(18, 6)) as changed_days
from changes
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
