{{ config(enabled=source_is_enabled('shopify')) }}

with given_back as (
    select
        channel,
        order_no,
        line_id,
        sum(quantity) as quantity
    from {{ ref('int_shopify__refund_lines') }}
    group by channel, order_no, line_id
),

lines as (
    select
        lines.*,
        -- current_quantity is without what went back and without what an edit took out: only the latter
        -- was never sold.
        least(
            lines.quantity,
            coalesce(lines.current_quantity, lines.quantity) + coalesce(given_back.quantity, 0)
        ) as sold_quantity,
        lines.unit_price * lines.quantity
        - coalesce(
            list_sum(
                list_transform(
                    json_extract_string(lines.discounts, '$[*].allocatedAmountSet.shopMoney.amount'),
                    amount -> cast(amount as decimal(18, 2))
                )
            ),
            0
        ) as full_amount
    from {{ ref('int_shopify__order_lines_classified') }} as lines
    left join given_back
        on
            lines.account = given_back.channel
            and lines.order_no = given_back.order_no
            and lines.line_id = given_back.line_id
    where lines.is_current
)

select
    'shopify' as source,
    order_no,
    cast({{ shopify_number('line_id') }} as bigint) as line_no,
    coalesce(sku, {{ shopify_number('variant_id') }}, title, line_id) as sku,
    sold_quantity as quantity,
    unit_price,
    case
        when sold_quantity = quantity then cast(full_amount as decimal(18, 2))
        else {{ running_share('full_amount', 'sold_quantity', 'quantity') }}
    end as line_amount,
    currency_code,
    received_at as known_at
from lines
