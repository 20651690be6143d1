{{ config(enabled=source_is_enabled('jd')) }}

-- Items carry JD's price before any discount. What an item's own coupons leave of it is its weight: by these weights
-- the payment for goods is shared out to the cent, so that the discounts of the order fall on all of them and the
-- shares add up.
with own_coupons as (
    select
        account,
        order_no,
        platform_sku,
        sum(discount) as discount
    from {{ ref('int_jd__coupons_classified') }}
    where is_current and platform_sku is not null
    group by account, order_no, platform_sku
),

lines as (
    select
        *,
        row_number() over (partition by account, order_no, platform_sku order by line_no) = 1 as is_first_of_article
    from {{ ref('int_jd__order_lines_classified') }}
    where is_current
),

weighed as (
    select
        lines.*,
        coalesce(lines.order_actual_payment, lines.order_payable + coalesce(lines.order_balance_used, 0))
        - coalesce(lines.order_freight, 0) as paid_for_goods,
        cast(lines.unit_price * lines.quantity * 100 as hugeint) as listed_cents,
        cast(
            greatest(
                lines.unit_price * lines.quantity
                - case when lines.is_first_of_article then coalesce(own_coupons.discount, 0) else 0 end,
                0
            ) * 100 as hugeint
        ) as own_cents
    from lines
    left join own_coupons
        on
            lines.account = own_coupons.account
            and lines.order_no = own_coupons.order_no
            and lines.platform_sku = own_coupons.platform_sku
),

-- An order whose coupons take everything is shared out by its prices.
weights as (
    select
        *,
        case
            when sum(own_cents) over (partition by account, order_no) = 0 then listed_cents
            else own_cents
        end as cents
    from weighed
),

summed as (
    select
        *,
        sum(cents) over (partition by account, order_no) as order_cents,
        sum(cents) over (
            partition by account, order_no order by line_no rows between unbounded preceding and current row
        ) as cents_so_far
    from weights
)

select
    'jd' as source,
    summed.order_no,
    summed.line_no,
    coalesce(summed.sku, summed.item_code, summed.platform_sku) as sku,
    summed.quantity,
    summed.unit_price,
    case
        when summed.order_cents = 0 then 0
        else
            {{ running_share('summed.paid_for_goods', 'summed.cents_so_far', 'summed.order_cents') }}
            - {{ running_share('summed.paid_for_goods', '(summed.cents_so_far - summed.cents)', 'summed.order_cents') }}
    end as line_amount,
    {{ currency_of('jd') }} as currency_code,
    summed.received_at as known_at
from summed
left join {{ ref('int_jd__split_orders') }} as split_orders
    on summed.account = split_orders.account and summed.order_no = split_orders.order_no
where split_orders.order_no is null
