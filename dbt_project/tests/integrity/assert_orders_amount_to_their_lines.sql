{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_order_lines'}}}) }}

-- An order's gross amount is the sum of its lines wherever the source reports lines. A warning: the difference
-- is the source's, or a line of the order is in quarantine.
with lines as (
    select
        order_key,
        sum(line_amount) as amount
    from {{ ref('fct_order_lines') }}
    group by order_key
)

select
    orders.order_key,
    orders.gross_amount,
    lines.amount
from {{ ref('fct_orders') }} as orders
inner join lines on orders.order_key = lines.order_key
where orders.gross_amount != lines.amount
