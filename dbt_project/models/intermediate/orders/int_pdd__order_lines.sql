{{ config(enabled=source_is_enabled('pdd')) }}

-- Items carry their price before the order's discounts: what the buyer paid for goods is shared out by it, to the
-- cent, and the shares add up.
with lines as (
    select
        account,
        order_no,
        line_no,
        coalesce(sku, item_code, platform_sku) as sku,
        quantity,
        unit_price,
        order_payment - coalesce(order_postage, 0) as paid_for_goods,
        received_at,
        cast(unit_price * quantity * 100 as hugeint) as listed_cents,
        sum(cast(unit_price * quantity * 100 as hugeint)) over (partition by account, order_no) as order_cents,
        sum(cast(unit_price * quantity * 100 as hugeint)) over (
            partition by account, order_no order by line_no rows between unbounded preceding and current row
        ) as cents_so_far
    from {{ ref('int_pdd__order_lines_classified') }}
    where is_current
)

select
    'pdd' as source,
    order_no,
    line_no,
    sku,
    quantity,
    unit_price,
    case
        when order_cents = 0 then 0
        else
            {{ running_share('paid_for_goods', 'cents_so_far', 'order_cents') }}
            - {{ running_share('paid_for_goods', '(cents_so_far - listed_cents)', 'order_cents') }}
    end as line_amount,
    {{ currency_of('pdd') }} as currency_code,
    received_at as known_at
from lines
