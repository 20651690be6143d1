{{ config(enabled=source_is_enabled('odoo')) }}

-- A partner may be a person, so its name is known as a token only.
select
    'odoo' as source,
    account,
    partner_id as supplier_no,
    cast(null as varchar) as name,
    name as name_token,
    country,
    cast(null as bigint) as lead_time_days,
    cast(null as varchar) as payment_terms,
    cast(null as bigint) as payment_terms_days,
    cast(null as decimal(18, 2)) as minimum_order_amount,
    cast(null as varchar) as currency_code,
    coalesce(is_active, true) as is_active,
    received_at as known_at
from {{ ref('int_odoo__suppliers_classified') }}
where is_current
