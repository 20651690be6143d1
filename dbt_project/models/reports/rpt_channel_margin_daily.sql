-- Every component has its sign: they add up to what is left. All are dated by their order.
with orders as (
    select * from {{ ref('fct_orders') }}
    where
        (order_type = 'sale' and paid_amount > 0)
        or (order_type = 'wholesale' and order_status <> 'cancelled')
        or order_type = 'return'
),

lines as (
    select
        orders.order_key,
        sum(lines.line_amount) as line_amount,
        sum((lines.quantity - lines.returned_quantity) * products.unit_cost) as cost_amount,
        sum(case when products.unit_cost is null and lines.is_product then lines.line_amount else 0 end)
            as uncosted_amount
    from orders
    inner join {{ ref('fct_order_lines') }} as lines on orders.order_key = lines.order_key
    left join {{ ref('dim_products') }} as products
        on
            lines.business = products.business
            and lines.sku = products.sku
            and lines.currency_code = products.currency_code
    group by orders.order_key
),

fees as (
    select
        order_key,
        currency_code,
        sum(amount) as amount
    from {{ ref('fct_order_cash_flows') }}
    where flow_type = 'fee'
    group by order_key, currency_code
),

rebates as (
    select
        order_key,
        currency_code,
        sum(accrued_amount) as amount
    from {{ ref('fct_rebate_accruals') }}
    where order_key is not null
    group by order_key, currency_code
),

fulfilment as (
    select
        order_key,
        currency_code,
        coalesce(freight_amount, 0) as freight_amount,
        coalesce(handling_amount, 0) + coalesce(packaging_amount, 0) as handling_amount
    from {{ ref('fct_order_fulfilment_costs') }}
),

components as (
    select
        orders.business,
        orders.channel,
        orders.created_on,
        orders.currency_code,
        coalesce(lines.line_amount, orders.gross_amount) as gross_amount,
        orders.gross_amount - coalesce(lines.line_amount, orders.gross_amount) as discount_amount,
        orders.refunded_amount,
        coalesce(fees.amount, 0) as fee_amount,
        coalesce(fulfilment.freight_amount, 0) as freight_amount,
        coalesce(fulfilment.handling_amount, 0) as handling_amount,
        coalesce(lines.cost_amount, 0) as cost_amount,
        coalesce(lines.uncosted_amount, 0) as uncosted_amount,
        coalesce(rebates.amount, 0) as rebate_amount
    from orders
    left join lines on orders.order_key = lines.order_key
    left join fees on orders.order_key = fees.order_key and orders.currency_code = fees.currency_code
    left join fulfilment
        on orders.order_key = fulfilment.order_key and orders.currency_code = fulfilment.currency_code
    left join rebates on orders.order_key = rebates.order_key and orders.currency_code = rebates.currency_code
)

select
    business,
    channel,
    created_on as business_date,
    currency_code,
    count(*) as order_count,
    cast(sum(gross_amount) as decimal(18, 6)) as gross_amount,
    cast(sum(discount_amount) as decimal(18, 6)) as discount_amount,
    cast(-sum(refunded_amount) as decimal(18, 6)) as returns_amount,
    cast(sum(fee_amount) as decimal(18, 6)) as fee_amount,
    cast(-sum(freight_amount) as decimal(18, 6)) as freight_amount,
    cast(-sum(handling_amount) as decimal(18, 6)) as handling_amount,
    cast(-sum(cost_amount) as decimal(18, 6)) as cost_of_goods_amount,
    cast(-sum(rebate_amount) as decimal(18, 6)) as rebate_amount,
    cast(
        sum(
            gross_amount + discount_amount - refunded_amount + fee_amount - freight_amount - handling_amount
            - cost_amount - rebate_amount
        ) as decimal(18, 6)
    ) as margin_amount,
    cast(sum(uncosted_amount) as decimal(18, 6)) as uncosted_amount
from components
group by business, channel, created_on, currency_code
