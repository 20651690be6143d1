{{ config(enabled=source_is_enabled('jd')) }}

-- The codes of applications and of service orders mean different things: the word before them tells which they are.
-- An application names no article: the line is known where its order has only one. A service order names one: the
-- line is known where its order has one line of it.
with articles as (
    select
        account,
        order_no,
        platform_sku,
        case when count(*) = 1 then any_value(line_no) end as line_no
    from {{ ref('int_jd__order_lines_classified') }}
    where is_current
    group by account, order_no, platform_sku
),

only_lines as (
    select
        account,
        order_no,
        case when count(*) = 1 then any_value(line_no) end as line_no
    from {{ ref('int_jd__order_lines_classified') }}
    where is_current
    group by account, order_no
)

select
    'jd' as source,
    'application/' || applications.application_no as refund_no,
    applications.order_no,
    only_lines.line_no,
    null as quantity,
    applications.amount,
    {{ currency_of('jd') }} as currency_code,
    'application/' || applications.status as source_status,
    cast(null as varchar) as derived_status,
    applications.reason,
    null as return_order_no,
    applications.requested_at,
    -- JD tells when an application was answered, not when the money went back: that is not earlier.
    case when applications.status = '3' then applications.checked_at end as refunded_at,
    applications.received_at as known_at
from {{ ref('int_jd__refund_applications_classified') }} as applications
left join only_lines
    on applications.account = only_lines.account and applications.order_no = only_lines.order_no
where applications.is_current
union all
select
    'jd' as source,
    'service/' || services.service_no as refund_no,
    services.order_no,
    articles.line_no,
    null as quantity,
    services.amount,
    {{ currency_of('jd') }} as currency_code,
    'service/' || services.status as source_status,
    cast(null as varchar) as derived_status,
    services.reason,
    null as return_order_no,
    coalesce(services.requested_text, services.requested_ms) as requested_at,
    case when services.status = '13' then coalesce(services.refunded_text, services.refunded_ms) end as refunded_at,
    services.received_at as known_at
from {{ ref('int_jd__service_refunds_classified') }} as services
left join articles
    on
        services.account = articles.account
        and services.order_no = articles.order_no
        and services.platform_sku = articles.platform_sku
where
    services.is_current
    -- Before its money is on its way, a service order may as well be an exchange or a repair, and has no amount.
    and services.refund_no is not null
    and services.amount is not null
