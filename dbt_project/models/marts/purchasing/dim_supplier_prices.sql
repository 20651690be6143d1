select
    concat_ws(':', source, account, price_no) as supplier_price_key,
    concat_ws(':', source, account, supplier_no) as supplier_key,
    business,
    source,
    supplier_no,
    sku,
    unit_price,
    currency_code,
    minimum_order_quantity,
    pack_size,
    lead_time_days,
    valid_from,
    valid_until,
    priority,
    known_at
from {{ ref('int_supplier_prices_unioned') }}
