{{ config(enabled=source_is_enabled('woocommerce')) }}

with paid as (
    select
        *,
        account || '/' || order_id as order_no,
        -- Gateways of two shops, or a plugin, may use one number twice: the first order has it.
        row_number() over (
            partition by coalesce(provider_payment_no, account || '/' || order_id)
            order by created_at, account, order_id
        ) as order_rank
    from {{ ref('int_woocommerce__orders_classified') }}
    -- A free order is "paid" as soon as it is made; nothing was.
    where is_current and paid_at is not null and total_amount > 0
)

select
    'woocommerce' as source,
    case
        when order_rank = 1 then coalesce(provider_payment_no, order_no)
        else provider_payment_no || '@' || order_no
    end as payment_no,
    order_no,
    payment_method as method,
    total_amount as amount,
    currency_code,
    paid_at,
    received_at as known_at
from paid
