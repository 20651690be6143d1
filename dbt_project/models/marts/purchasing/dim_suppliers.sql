select
    concat_ws(':', source, account, supplier_no) as supplier_key,
    business,
    source,
    account,
    supplier_no,
    name,
    name_token,
    country,
    lead_time_days,
    payment_terms,
    payment_terms_days,
    minimum_order_amount,
    currency_code,
    is_active,
    known_at
from {{ ref('int_suppliers_unioned') }}
