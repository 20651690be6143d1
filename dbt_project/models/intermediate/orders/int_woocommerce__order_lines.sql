{{ config(enabled=source_is_enabled('woocommerce')) }}

select
    'woocommerce' as source,
    account || '/' || order_id as order_no,
    try_cast(line_id as bigint) as line_no,
    coalesce(sku, nullif(variation_id, '0'), nullif(product_id, '0'), title, line_id) as sku,
    quantity,
    -- `price` is a binary fraction in the answer, so it is worked out: before discounts, without tax.
    case
        when quantity > 0
            then cast(
                cast((cast(list_amount * 100 as hugeint) * 10000) // quantity as decimal(30, 0)) * 0.000001
                as decimal(18, 6)
            )
        else 0
    end as unit_price,
    net_amount + coalesce(tax, 0) as line_amount,
    currency_code,
    received_at as known_at
from {{ ref('int_woocommerce__order_lines_classified') }}
where is_current
