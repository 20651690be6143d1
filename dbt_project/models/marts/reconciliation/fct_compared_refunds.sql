-- A service may give back several refunds of an order as one, so what was given back is compared per order.
with routes as (
    select
        business,
        order_key,
        min(provider) as provider,
        min(first_on) as first_on
    from {{ ref('fct_routed_payments') }}
    group by business, order_key
),

clock as (
    select * from {{ ref('int_business_clock') }}
),

refunds as (
    select
        *,
        {{ business_date('refunded_at') }} as refunded_on
    from {{ ref('fct_refunds') }}
    where refund_status = 'refunded' and amount <> 0 and refunded_at is not null
),

recorded as (
    select
        refunds.business,
        routes.provider,
        refunds.order_key,
        max(refunds.channel) as channel,
        -sum(refunds.amount) as recorded_amount,
        -sum(
            case
                when refunds.refunded_on + cast(policies.waiting_days as integer) >= clock.as_of_date
                    then refunds.amount
                else 0
            end
        ) as waiting_amount,
        min(refunds.refunded_on) as item_on,
        max(refunds.currency_code) as currency_code,
        max(refunds.known_at) as known_at
    from refunds
    inner join routes on refunds.business = routes.business and refunds.order_key = routes.order_key
    inner join clock on refunds.business = clock.business
    inner join {{ ref('dim_reconciliation_policies') }} as policies
        on
            policies.comparison = 'payment_settlement'
            and routes.provider = policies.provider
            and refunds.currency_code = policies.currency_code
            and refunds.refunded_on between policies.valid_from and policies.valid_until
    where refunds.refunded_on >= routes.first_on
    group by refunds.business, routes.provider, refunds.order_key
),

reported as (
    select
        business,
        provider,
        coalesce(order_key, payment_entry_key) as compared_key,
        max(order_key) as order_key,
        max(account) as account,
        max(channel) as channel,
        sum(amount) as reported_amount,
        min(occurred_on) as item_on,
        max(currency_code) as currency_code,
        max(known_at) as known_at
    from {{ ref('fct_provider_entries') }}
    where entry_type = 'refund'
    group by business, provider, coalesce(order_key, payment_entry_key)
)

select
    coalesce(recorded.business, reported.business) as business,
    coalesce(recorded.provider, reported.provider) as provider,
    reported.account,
    coalesce(recorded.channel, reported.channel) as channel,
    coalesce(recorded.order_key, reported.order_key) as order_key,
    coalesce(recorded.order_key, reported.compared_key) as compared_key,
    cast(recorded.recorded_amount as decimal(18, 2)) as recorded_amount,
    cast(reported.reported_amount as decimal(18, 2)) as reported_amount,
    cast(coalesce(recorded.waiting_amount, 0) as decimal(18, 2)) as waiting_amount,
    coalesce(recorded.currency_code, reported.currency_code) as currency_code,
    coalesce(recorded.item_on, reported.item_on) as item_on,
    greatest(coalesce(recorded.known_at, reported.known_at), coalesce(reported.known_at, recorded.known_at)) as known_at
from recorded
full outer join reported
    on
        recorded.business = reported.business
        and recorded.provider = reported.provider
        and recorded.order_key = reported.compared_key
