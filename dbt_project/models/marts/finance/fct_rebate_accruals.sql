-- A tier applies to all that was invoiced in its period, so an accrual is known by invoice only as a share of the
-- partner's sum: cumulative shares, rounded to the cent, add up to it exactly.
with agreements as (
    select
        *,
        coalesce(valid_until, cast('9999-12-31' as date)) as last_day
    from {{ ref('rebate_tiers') }}
),

invoices as (
    select distinct
        invoices.invoice_key,
        invoices.business,
        invoices.channel,
        invoices.customer_key,
        invoices.order_key,
        invoices.issued_on,
        case
            when agreements.period = 'month' then {{ month_of('invoices.issued_on') }}
            else {{ quarter_of('invoices.issued_on') }}
        end as period_start,
        invoices.amount,
        invoices.currency_code,
        invoices.known_at
    from {{ ref('fct_invoices') }} as invoices
    inner join agreements
        on
            invoices.business = agreements.business
            and invoices.channel = agreements.channel
            and invoices.currency_code = agreements.currency_code
            and invoices.issued_on between agreements.valid_from and agreements.last_day
    where invoices.amount > 0
),

partners as (
    select
        business,
        channel,
        customer_key,
        period_start,
        currency_code,
        sum(amount) as invoiced_amount
    from invoices
    group by business, channel, customer_key, period_start, currency_code
),

tiers as (
    select
        partners.*,
        agreements.amount_from,
        agreements.rate,
        agreements.version,
        cast(round(partners.invoiced_amount * agreements.rate, 2) as decimal(18, 2)) as rebate_amount
    from partners
    inner join agreements
        on
            partners.business = agreements.business
            and partners.channel = agreements.channel
            and partners.currency_code = agreements.currency_code
            and partners.invoiced_amount >= agreements.amount_from
            and partners.period_start between agreements.valid_from and agreements.last_day
    qualify row_number() over (
        partition by
            partners.business, partners.channel, partners.customer_key, partners.period_start, partners.currency_code
        order by agreements.amount_from desc, agreements.valid_from desc
    ) = 1
),

placed as (
    select
        invoices.*,
        tiers.amount_from as tier_amount_from,
        tiers.rate as rebate_rate,
        tiers.version as agreement_version,
        tiers.rebate_amount,
        cast(tiers.invoiced_amount * 100 as bigint) as all_cents,
        cast(
            sum(invoices.amount) over (
                partition by invoices.customer_key, invoices.period_start, invoices.currency_code
                order by invoices.issued_on, invoices.invoice_key
                rows between unbounded preceding and current row
            ) * 100 as bigint
        ) as cents_so_far,
        cast(invoices.amount * 100 as bigint) as own_cents
    from invoices
    inner join tiers
        on
            invoices.business = tiers.business
            and invoices.channel = tiers.channel
            and invoices.customer_key = tiers.customer_key
            and invoices.period_start = tiers.period_start
            and invoices.currency_code = tiers.currency_code
)

select
    invoice_key,
    business,
    channel,
    customer_key,
    order_key,
    issued_on,
    period_start,
    amount as invoiced_amount,
    tier_amount_from,
    cast(rebate_rate as decimal(9, 6)) as rebate_rate,
    cast(agreement_version as bigint) as agreement_version,
    cast(
        {{ running_share('rebate_amount', 'cents_so_far', 'all_cents') }}
        - {{ running_share('rebate_amount', '(cents_so_far - own_cents)', 'all_cents') }} as decimal(18, 2)
    ) as accrued_amount,
    currency_code,
    known_at
from placed
