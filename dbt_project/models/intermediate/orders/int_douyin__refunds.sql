{{ config(enabled=source_is_enabled('douyin')) }}

with after_sales as (
    select
        refunds.account,
        refunds.refund_no,
        coalesce(refunds.order_no, lines.order_no, refunds.related_id) as order_no,
        try_cast(lines.line_id as bigint) as line_no,
        refunds.quantity,
        -- Exchanges, repairs and things sent again give no money back, whatever the after-sale says.
        refunds.after_sale_type in ('3', '7', '8') as is_without_money,
        refunds.amount,
        refunds.status,
        refunds.reason,
        refunds.requested_at,
        refunds.modified_at,
        refunds.received_at
    from {{ ref('int_douyin__refunds_classified') }} as refunds
    left join {{ ref('int_douyin__order_lines_classified') }} as lines
        on refunds.account = lines.account and refunds.related_id = lines.line_id and lines.is_current
    where refunds.is_current
),

given_back as (
    select
        account,
        order_no,
        sum(amount) as amount
    from after_sales
    where not is_without_money and status not in ('27', '28', '29')
    group by account, order_no
),

-- An order that was closed after it was paid has all its money back, though the system or the buyer may have
-- cancelled it without any after-sale.
closed as (
    select
        orders.*,
        orders.payment - coalesce(given_back.amount, 0) as amount_left
    from {{ ref('int_douyin__orders_classified') }} as orders
    left join given_back on orders.account = given_back.account and orders.order_no = given_back.order_no
    where orders.is_current and orders.order_status = '4' and orders.paid_at is not null
)

select
    'douyin' as source,
    refund_no,
    order_no,
    line_no,
    quantity,
    case when is_without_money then 0 else amount end as amount,
    {{ currency_of('douyin') }} as currency_code,
    status as source_status,
    case when is_without_money then 'none' end as derived_status,
    reason,
    null as return_order_no,
    requested_at,
    -- Doudian gives no time of its own for the money going back: an after-sale changes last when it succeeds.
    case when status = '12' and not is_without_money then modified_at end as refunded_at,
    received_at as known_at
from after_sales
union all
select
    'douyin' as source,
    order_no || '@closed' as refund_no,
    order_no,
    null as line_no,
    null as quantity,
    amount_left as amount,
    {{ currency_of('douyin') }} as currency_code,
    order_status as source_status,
    'refunded' as derived_status,
    null as reason,
    null as return_order_no,
    modified_at as requested_at,
    modified_at as refunded_at,
    received_at as known_at
from closed
where amount_left > 0
