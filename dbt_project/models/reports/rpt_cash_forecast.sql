-- An invoice is expected as many days after it is due as its customer's earlier money came (weighted by amount; where
-- there was none yet, the channel's). What a payment service or the bank still has to confirm is expected when the
-- waiting days of its reconciliation policy are over. What should be here by now is late.
with clock as (
    select
        business,
        {{ day_until('as_of') }} as as_of_date
    from {{ ref('int_business_clock') }}
),

collected as (
    select
        invoices.business,
        invoices.channel,
        invoices.customer_key,
        invoices.currency_code,
        sum(allocations.amount * (allocations.arrived_on - invoices.due_on)) as amount_days,
        sum(allocations.amount) as amount
    from {{ ref('fct_payment_allocations') }} as allocations
    inner join {{ ref('fct_invoices') }} as invoices on allocations.invoice_key = invoices.invoice_key
    group by invoices.business, invoices.channel, invoices.customer_key, invoices.currency_code
    having sum(allocations.amount) > 0
),

channels as (
    select
        business,
        channel,
        currency_code,
        sum(amount_days) / sum(amount) as delay_days
    from collected
    group by business, channel, currency_code
),

receivables as (
    select
        invoices.business,
        invoices.channel,
        invoices.currency_code,
        'receivable' as forecast_kind,
        invoices.open_amount as amount,
        invoices.due_on + cast(
            round(coalesce(collected.amount_days / collected.amount, channels.delay_days, 0)) as integer
        ) as expected_on
    from {{ ref('fct_invoices') }} as invoices
    left join collected
        on
            invoices.business = collected.business
            and invoices.channel = collected.channel
            and invoices.customer_key = collected.customer_key
            and invoices.currency_code = collected.currency_code
    left join channels
        on
            invoices.business = channels.business
            and invoices.channel = channels.channel
            and invoices.currency_code = channels.currency_code
    where invoices.open_amount > 0
),

unconfirmed as (
    select
        items.business,
        coalesce(items.channel, '*') as channel,
        items.currency_code,
        items.comparison as forecast_kind,
        items.recorded_amount as amount,
        items.item_on + cast(coalesce(policies.waiting_days, 0) as integer) as expected_on
    from {{ ref('fct_reconciliation_items') }} as items
    left join {{ ref('dim_reconciliation_policies') }} as policies
        on
            items.comparison = policies.comparison
            and items.provider = policies.provider
            and items.currency_code = policies.currency_code
            and items.item_on between policies.valid_from and policies.valid_until
    where
        items.comparison <> 'order_payment'
        and items.residual_bucket in ('timing', 'missing')
        and items.recorded_amount is not null
        and items.reported_amount is null
),

items as (
    select * from receivables
    union all
    select * from unconfirmed
)

select
    items.business,
    items.channel,
    items.currency_code,
    items.forecast_kind,
    cast(date_trunc('week', items.expected_on) as date) as expected_week,
    items.expected_on < clock.as_of_date as is_late,
    max(clock.as_of_date) as as_of_date,
    count(*) as item_count,
    cast(sum(items.amount) as decimal(18, 2)) as expected_amount
from items
inner join clock on items.business = clock.business
group by
    items.business,
    items.channel,
    items.currency_code,
    items.forecast_kind,
    date_trunc('week', items.expected_on),
    items.expected_on < clock.as_of_date
