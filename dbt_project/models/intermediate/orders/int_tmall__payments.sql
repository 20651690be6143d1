{{ config(enabled=source_is_enabled('tmall')) }}

select
    source,
    order_no as payment_no,
    order_no,
    null as method,
    paid_amount as amount,
    currency_code,
    paid_at,
    known_at
from {{ ref('int_tmall__orders') }}
where paid_at is not null
