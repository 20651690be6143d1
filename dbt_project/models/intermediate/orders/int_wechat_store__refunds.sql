{{ config(enabled=source_is_enabled('wechat_store')) }}

-- WeChat gives no time of its own for the money going back: it had gone by the first version that says so.
with versions as (
    select
        *,
        -- Exchanges and things sent again give no money back, whatever the after-sale says.
        after_sale_type in ('EXCHANGE', 'RESHIP') as is_without_money,
        min(
            case when status in ('MERCHANT_REFUND_SUCCESS', 'MERCHANT_RETURN_SUCCESS') then modified_at end
        ) over (partition by account, after_sale_no) as succeeded_at
    from {{ ref('int_wechat_store__after_sales_classified') }}
    where disposition = 'used'
),

-- An after-sale names an article: the line is known where its order has one line of it.
articles as (
    select
        account,
        order_no,
        platform_sku,
        case when count(*) = 1 then any_value(line_no) end as line_no
    from {{ ref('int_wechat_store__order_lines_classified') }}
    where is_current
    group by account, order_no, platform_sku
)

select
    'wechat_store' as source,
    after_sales.after_sale_no as refund_no,
    after_sales.order_no,
    articles.line_no,
    after_sales.quantity,
    case when after_sales.is_without_money then 0 else after_sales.amount end as amount,
    {{ currency_of('wechat_store') }} as currency_code,
    after_sales.status as source_status,
    case when after_sales.is_without_money then 'none' end as derived_status,
    coalesce(after_sales.reason, after_sales.reason_code) as reason,
    null as return_order_no,
    after_sales.requested_at,
    case
        when
            after_sales.status in ('MERCHANT_REFUND_SUCCESS', 'MERCHANT_RETURN_SUCCESS')
            and not after_sales.is_without_money
            then after_sales.succeeded_at
    end as refunded_at,
    after_sales.received_at as known_at
from versions as after_sales
left join articles
    on
        after_sales.account = articles.account
        and after_sales.order_no = articles.order_no
        and after_sales.platform_sku = articles.platform_sku
where after_sales.is_current
