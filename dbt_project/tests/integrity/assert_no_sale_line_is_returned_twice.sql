-- No more units of a sale line come back through matched return documents than were sold.
select
    order_key,
    line_no,
    quantity,
    returned_quantity
from {{ ref('fct_order_lines') }}
where order_type = 'sale' and quantity > 0 and returned_quantity > quantity
