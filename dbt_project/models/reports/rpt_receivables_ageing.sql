with clock as (
    select
        business,
        {{ day_until('as_of') }} as as_of_date
    from {{ ref('int_business_clock') }}
),

open_invoices as (
    select
        invoices.*,
        clock.as_of_date,
        cast(clock.as_of_date - invoices.due_on as bigint) as days_overdue
    from {{ ref('fct_invoices') }} as invoices
    inner join clock on invoices.business = clock.business
    where invoices.open_amount <> 0
)

select
    open_invoices.business,
    open_invoices.channel,
    open_invoices.customer_key,
    buckets.ageing_bucket,
    buckets.bucket_number,
    open_invoices.currency_code,
    max(open_invoices.as_of_date) as as_of_date,
    count(*) as invoice_count,
    cast(sum(open_invoices.open_amount) as decimal(18, 2)) as open_amount
from open_invoices
inner join {{ ref('receivable_ageing_buckets') }} as buckets
    on open_invoices.days_overdue between buckets.days_overdue_from and buckets.days_overdue_to
group by
    open_invoices.business, open_invoices.channel, open_invoices.customer_key,
    buckets.ageing_bucket, buckets.bucket_number, open_invoices.currency_code
