{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    account,
    order_no,
    line_no,
    supplier as supplier_no,
    site,
    sku,
    status as source_status,
    quantity,
    received_quantity,
    unit_price,
    quantity * unit_price as line_amount,
    currency_code,
    ordered_at,
    coalesce(promised_on, expected_on) as promised_on,
    goods_received_at as received_at,
    cast(null as varchar) as reference,
    received_at as known_at
from {{ ref('int_erp__purchase_order_lines_classified') }}
where is_current
