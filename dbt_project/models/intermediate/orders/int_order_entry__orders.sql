{{ config(enabled=source_is_enabled('order_entry')) }}

-- Ordered on credit by an account that another source knows: its key stands for the buyer.
select
    'order_entry' as source,
    channel,
    order_no,
    'wholesale' as order_type,
    customer_key as buyer_id,
    status as source_status,
    null as derived_status,
    entered_at as created_at,
    null as paid_at,
    order_amount as gross_amount,
    0 as paid_amount,
    currency_code,
    null as province_name,
    null as country,
    received_at as known_at
from {{ ref('int_order_entry__pushes_classified') }}
where is_current
