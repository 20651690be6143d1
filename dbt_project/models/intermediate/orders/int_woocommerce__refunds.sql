{{ config(enabled=source_is_enabled('woocommerce')) }}

with refunds as (
    select * from {{ ref('int_woocommerce__refunds_classified') }}
    where is_current
),

of_lines as (
    select
        channel,
        refund_id,
        sum(amount) as amount
    from {{ ref('int_woocommerce__refund_lines') }}
    group by channel, refund_id
),

parts as (
    select
        refunds.*,
        lines.element_number,
        lines.line_id,
        lines.quantity,
        lines.amount as part_amount
    from refunds
    inner join {{ ref('int_woocommerce__refund_lines') }} as lines
        on refunds.account = lines.channel and refunds.refund_id = lines.refund_id
    union all
    -- Postage, and amounts that somebody typed without naming a line.
    select
        refunds.*,
        null as element_number,
        null as line_id,
        null as quantity,
        cast(refunds.amount - coalesce(of_lines.amount, 0) as decimal(18, 2)) as part_amount
    from refunds
    left join of_lines on refunds.account = of_lines.channel and refunds.refund_id = of_lines.refund_id
    where refunds.amount != coalesce(of_lines.amount, 0)
)

select
    'woocommerce' as source,
    account || '/' || refund_id || coalesce('/' || element_number, '') as refund_no,
    account || '/' || order_id as order_no,
    try_cast(line_id as bigint) as line_no,
    quantity,
    part_amount as amount,
    currency_code,
    null as source_status,
    'refunded' as derived_status,
    reason,
    null as return_order_no,
    created_at as requested_at,
    created_at as refunded_at,
    received_at as known_at
from parts
