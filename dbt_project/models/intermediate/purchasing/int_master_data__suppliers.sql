{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    '-' as account,
    supplier_no,
    name,
    cast(null as varchar) as name_token,
    country,
    lead_time_days,
    payment_terms,
    payment_terms_days,
    minimum_order_amount,
    coalesce(currency_code, {{ currency_of('master_data') }}) as currency_code,
    coalesce(is_active, true) as is_active,
    received_at as known_at
from {{ ref('int_master_data__suppliers_classified') }}
where is_current
