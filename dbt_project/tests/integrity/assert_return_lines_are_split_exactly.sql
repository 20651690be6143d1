{{ config(meta={'dagster': {'ref': {'name': 'int_return_lines_matched'}}}) }}

-- The parts of a return line (by the sale that explains them, or unexplained) add up to it, in units and money.
with parts as (
    select
        {{ order_key('source', 'return_order_no') }} as order_key,
        return_line_no as line_no,
        sum(quantity) as quantity,
        sum(amount) as amount
    from {{ ref('int_return_lines_matched') }}
    group by source, return_order_no, return_line_no
),

return_lines as (
    select
        order_key,
        line_no,
        -quantity as quantity,
        -line_amount as amount
    from {{ ref('fct_order_lines') }}
    where order_type = 'return' and quantity < 0
)

select
    return_lines.order_key,
    return_lines.line_no,
    return_lines.quantity,
    parts.quantity as parts_quantity,
    return_lines.amount,
    parts.amount as parts_amount
from return_lines
full outer join parts
    on return_lines.order_key = parts.order_key and return_lines.line_no = parts.line_no
where
    return_lines.quantity is distinct from parts.quantity
    or return_lines.amount is distinct from parts.amount
