-- What an ERP says is owed counts only where there is no ledger of the customer.
with receivables as (
    select
        customer_key,
        max(business) as business,
        max(channel) as channel,
        currency_code,
        sum(open_amount) as open_amount,
        count(case when open_amount > 0 then 1 end) as open_invoice_count,
        max(known_at) as known_at
    from {{ ref('fct_invoices') }}
    group by customer_key, currency_code
),

unapplied as (
    select
        customer_key,
        max(business) as business,
        max(channel) as channel,
        currency_code,
        sum(unallocated_amount) as amount,
        max(known_at) as known_at
    from {{ ref('fct_receipts') }}
    group by customer_key, currency_code
),

invoiced_orders as (
    select distinct order_key
    from {{ ref('fct_invoices') }}
    where order_key is not null
),

open_orders as (
    select
        orders.customer_key,
        max(orders.business) as business,
        max(orders.channel) as channel,
        orders.currency_code,
        sum(orders.gross_amount) as amount,
        count(*) as order_count,
        max(orders.known_at) as known_at
    from {{ ref('fct_orders') }} as orders
    left join invoiced_orders on orders.order_key = invoiced_orders.order_key
    where
        orders.order_type = 'wholesale'
        and orders.order_status <> 'cancelled'
        and orders.customer_key is not null
        and invoiced_orders.order_key is null
    group by orders.customer_key, orders.currency_code
),

terms as (
    select * from {{ ref('dim_credit_terms') }}
),

customers as (
    select
        customer_key,
        currency_code,
        business,
        channel,
        known_at
    from receivables
    union all
    select
        customer_key,
        currency_code,
        business,
        channel,
        known_at
    from unapplied
    union all
    select
        customer_key,
        currency_code,
        business,
        channel,
        known_at
    from open_orders
    union all
    select
        customer_key,
        currency_code,
        business,
        channel,
        known_at
    from terms
),

accounts as (
    select
        customer_key,
        currency_code,
        max(business) as business,
        max(channel) as channel,
        max(known_at) as known_at
    from customers
    group by customer_key, currency_code
),

added_up as (
    select
        accounts.*,
        coalesce(receivables.open_amount, terms.open_amount, 0) as open_receivable_amount,
        coalesce(receivables.open_invoice_count, 0) as open_invoice_count,
        coalesce(open_orders.amount, 0) as open_order_amount,
        coalesce(open_orders.order_count, 0) as open_order_count,
        coalesce(unapplied.amount, 0) as unapplied_amount,
        terms.credit_limit,
        terms.payment_terms_days
    from accounts
    left join receivables
        on accounts.customer_key = receivables.customer_key and accounts.currency_code = receivables.currency_code
    left join open_orders
        on accounts.customer_key = open_orders.customer_key and accounts.currency_code = open_orders.currency_code
    left join unapplied
        on accounts.customer_key = unapplied.customer_key and accounts.currency_code = unapplied.currency_code
    left join terms
        on accounts.customer_key = terms.customer_key and accounts.currency_code = terms.currency_code
)

select
    customer_key || ':' || currency_code as customer_exposure_key,
    customer_key,
    business,
    channel,
    cast(open_receivable_amount as decimal(18, 2)) as open_receivable_amount,
    open_invoice_count,
    cast(open_order_amount as decimal(18, 2)) as open_order_amount,
    open_order_count,
    cast(unapplied_amount as decimal(18, 2)) as unapplied_amount,
    cast(open_receivable_amount + open_order_amount - unapplied_amount as decimal(18, 2)) as exposure_amount,
    credit_limit,
    cast(credit_limit - (open_receivable_amount + open_order_amount - unapplied_amount) as decimal(18, 2))
        as headroom_amount,
    coalesce(open_receivable_amount + open_order_amount - unapplied_amount > credit_limit, false) as is_over_limit,
    payment_terms_days,
    currency_code,
    known_at
from added_up
