select
    exchanges.source || ':' || exchanges.exchange_no as exchange_key,
    exchanges.business,
    exchanges.source,
    exchanges.exchange_no,
    exchanges.order_no,
    order_numbers.order_key,
    exchanges.line_no,
    exchanges.quantity,
    case
        when exchanges.delivered_at is not null then 'completed'
        when exchanges.shipped_at is not null then 'shipped'
        when exchanges.returned_at is not null then 'returned'
        else 'requested'
    end as exchange_status,
    exchanges.source_status,
    exchanges.reason,
    exchanges.requested_at,
    exchanges.returned_at,
    exchanges.shipped_at,
    exchanges.tracking_no,
    exchanges.delivered_at,
    exchanges.known_at
from {{ ref('int_exchanges_unioned') }} as exchanges
left join {{ ref('int_order_numbers') }} as order_numbers
    on exchanges.business = order_numbers.business and exchanges.order_no = order_numbers.order_no
