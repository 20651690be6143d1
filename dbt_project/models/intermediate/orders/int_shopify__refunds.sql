{{ config(enabled=source_is_enabled('shopify')) }}

with sales as (
    select
        account,
        order_no
    from {{ ref('int_shopify__orders_classified') }}
    where is_current and not coalesce(is_test, false)
),

refunds as (
    select
        refunds.*,
        json_extract_string(refunds.transactions, '$[*].status') as money_statuses,
        json_extract_string(refunds.transactions, '$[*].processedAt') as money_times
    from {{ ref('int_shopify__refunds_classified') }} as refunds
    inner join sales on refunds.account = sales.account and refunds.order_no = sales.order_no
    where refunds.is_current
),

-- That there is a refund does not mean that the money has gone back: its transactions tell.
judged as (
    select
        *,
        case
            when amount = 0 then 'none'
            when list_contains(money_statuses, 'PENDING') then 'refunding'
            when len(money_statuses) = 0 or money_statuses is null or list_contains(money_statuses, 'SUCCESS')
                then 'refunded'
            else 'rejected'
        end as refund_status,
        coalesce(try_cast(list_max(money_times) as timestamptz), created_at) as settled_at
    from refunds
),

lines as (
    select
        channel,
        order_no,
        refund_id,
        line_id,
        sum(quantity) as quantity,
        sum(amount) as amount
    from {{ ref('int_shopify__refund_lines') }}
    group by channel, order_no, refund_id, line_id
),

of_lines as (
    select
        refund_id,
        channel,
        sum(amount) as amount
    from lines
    group by refund_id, channel
),

parts as (
    select
        judged.*,
        lines.line_id,
        lines.quantity,
        cast(lines.amount as decimal(18, 2)) as part_amount
    from judged
    inner join lines on judged.account = lines.channel and judged.refund_id = lines.refund_id
    union all
    -- Postage, adjustments and whatever else no line explains.
    select
        judged.*,
        null as line_id,
        null as quantity,
        cast(judged.amount - coalesce(of_lines.amount, 0) as decimal(18, 2)) as part_amount
    from judged
    left join of_lines on judged.account = of_lines.channel and judged.refund_id = of_lines.refund_id
    where judged.amount != coalesce(of_lines.amount, 0)
)

select
    'shopify' as source,
    {{ shopify_number('refund_id') }} || coalesce('/' || {{ shopify_number('line_id') }}, '') as refund_no,
    order_no,
    cast({{ shopify_number('line_id') }} as bigint) as line_no,
    quantity,
    part_amount as amount,
    currency_code,
    null as source_status,
    refund_status as derived_status,
    note as reason,
    null as return_order_no,
    created_at as requested_at,
    case when refund_status = 'refunded' then settled_at end as refunded_at,
    received_at as known_at
from parts
union all
-- A return that is still open, or came to nothing; of a closed one its refund tells.
select
    'shopify' as source,
    'return/' || {{ shopify_number('returns.return_id') }} as refund_no,
    returns.order_no,
    null as line_no,
    returns.quantity,
    0 as amount,
    returns.currency_code,
    returns.status as source_status,
    null as derived_status,
    null as reason,
    null as return_order_no,
    returns.requested_at,
    null as refunded_at,
    returns.received_at as known_at
from {{ ref('int_shopify__returns_classified') }} as returns
inner join sales on returns.account = sales.account and returns.order_no = sales.order_no
where returns.is_current and returns.status != 'CLOSED'
