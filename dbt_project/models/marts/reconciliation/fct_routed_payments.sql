-- Only payments of the days for which the service's reports are there can be looked for in them.
with covered as (
    select
        business,
        provider,
        min(occurred_on) as first_on
    from {{ ref('fct_provider_entries') }}
    group by business, provider
),

routed as (
    select
        payments.*,
        routes.provider,
        covered.first_on
    from {{ ref('fct_payments') }} as payments
    inner join {{ ref('settlement_routes') }} as routes
        on
            payments.source = routes.source
            and routes.channel in ('*', payments.channel)
            and routes.method in ('*', payments.method)
    inner join covered on payments.business = covered.business and routes.provider = covered.provider
    qualify row_number() over (
        partition by payments.payment_key
        order by
            routes.preference,
            case when routes.channel = '*' then 1 else 0 end,
            case when routes.method = '*' then 1 else 0 end
    ) = 1
)

select
    routed.business,
    routed.provider,
    routed.payment_key,
    substr(routed.payment_key, length(routed.source) + 2) as payment_no,
    routed.order_key,
    routed.channel,
    routed.amount,
    routed.currency_code,
    routed.paid_at,
    {{ business_date('routed.paid_at') }} as paid_on,
    {{ business_date('routed.paid_at') }} >= routed.first_on as is_covered,
    routed.first_on,
    routed.known_at
from routed
