{{ config(enabled=source_is_enabled('online_retail')) }}

select
    source,
    return_order_no || ':' || return_line_no || ':' || part_number as refund_no,
    coalesce(sale_order_no, return_order_no) as order_no,
    coalesce(sale_line_no, return_line_no) as line_no,
    quantity,
    amount,
    currency_code,
    null as source_status,
    'refunded' as derived_status,
    null as reason,
    return_order_no,
    returned_at as requested_at,
    returned_at as refunded_at,
    known_at
from {{ ref('int_return_lines_matched') }}
