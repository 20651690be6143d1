{{ config(enabled=source_is_enabled('pdd')) }}

-- An after-sale names an article, not a line: the line is known where the order has one of that article.
with articles as (
    select
        account,
        order_no,
        platform_sku,
        case when count(*) = 1 then any_value(line_no) end as line_no
    from {{ ref('int_pdd__order_lines_classified') }}
    where is_current
    group by account, order_no, platform_sku
)

select
    'pdd' as source,
    refunds.refund_no,
    refunds.order_no,
    articles.line_no,
    refunds.quantity,
    refunds.amount,
    {{ currency_of('pdd') }} as currency_code,
    refunds.status as source_status,
    cast(null as varchar) as derived_status,
    refunds.reason,
    null as return_order_no,
    refunds.requested_at,
    -- Pinduoduo gives no time of its own for the money going back: an after-sale changes last when it succeeds.
    case when refunds.status = '10' then refunds.modified_at end as refunded_at,
    refunds.received_at as known_at
from {{ ref('int_pdd__refunds_classified') }} as refunds
left join articles
    on
        refunds.account = articles.account
        and refunds.order_no = articles.order_no
        and refunds.platform_sku = articles.platform_sku
where
    refunds.is_current
    -- Exchanges, goods sent again and repairs move no money.
    and coalesce(refunds.kind, '') not in ('4', '5', '6')
