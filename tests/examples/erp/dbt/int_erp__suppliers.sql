{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    account,
    code as supplier_no,
    name,
    null as name_token,
    null as country,
    lead_time_days,
    null as payment_terms,
    payment_terms_days,
    null as minimum_order_amount,
    {{ currency_of('erp') }} as currency_code,
    true as is_active,
    received_at as known_at
from {{ ref('int_erp__suppliers_classified') }}
where is_current
