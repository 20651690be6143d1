{{ config(enabled=source_is_enabled('taobao')) }}

with lines as (
    select
        *,
        count(*) over (partition by account, order_no) as line_count
    from {{ ref('int_taobao__order_lines_classified') }}
    where is_current
)

select
    'taobao' as source,
    order_no,
    try_cast(line_id as bigint) as line_no,
    coalesce(sku, item_code, item_id) as sku,
    quantity,
    unit_price,
    -- TOP puts postage into the payment of a one-line order and leaves it out of the others.
    case
        when divided_amount is not null then divided_amount
        when line_count = 1 then payment - coalesce(trade_postage, 0)
        else payment
    end as line_amount,
    {{ currency_of('taobao') }} as currency_code,
    received_at as known_at
from lines
