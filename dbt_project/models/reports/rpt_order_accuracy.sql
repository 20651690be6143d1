-- A complaint counts whatever became of the money, unless it was refused; a line counts once, by its first complaint.
with shipped as (
    select
        lines.order_key,
        lines.line_no,
        lines.business,
        lines.channel,
        {{ business_date('orders.shipped_at') }} as shipped_on
    from {{ ref('fct_order_lines') }} as lines
    inner join {{ ref('fct_orders') }} as orders on lines.order_key = orders.order_key
    where orders.order_type = 'sale' and orders.shipped_at is not null and lines.is_product and lines.quantity > 0
),

complaints as (
    select
        returns.order_key,
        returns.line_no,
        reasons.accuracy_error,
        row_number() over (
            partition by returns.order_key, returns.line_no order by returns.requested_at, returns.return_key
        ) as complaint_number
    from {{ ref('fct_returns') }} as returns
    inner join {{ ref('return_reasons') }} as reasons on returns.reason_code = reasons.reason_code
    where reasons.accuracy_error is not null and returns.return_status != 'rejected'
)

select
    shipped.business,
    shipped.channel,
    shipped.shipped_on,
    count(*) as shipped_line_count,
    count(*) filter (where complaints.accuracy_error = 'item') as wrong_item_count,
    count(*) filter (where complaints.accuracy_error = 'quantity') as wrong_quantity_count,
    count(*) filter (where complaints.accuracy_error = 'address') as wrong_address_count
from shipped
left join complaints
    on
        shipped.order_key = complaints.order_key
        and shipped.line_no = complaints.line_no
        and complaints.complaint_number = 1
group by shipped.business, shipped.channel, shipped.shipped_on
