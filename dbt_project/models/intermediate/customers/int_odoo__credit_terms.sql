{{ config(enabled=source_is_enabled('odoo')) }}

-- Without a limit of its own a partner has that of the company, which Odoo does not tell here.
select
    'odoo' as source,
    account as channel,
    partner_id as buyer_id,
    credit_limit,
    open_amount,
    cast(null as varchar) as payment_terms,
    cast(null as bigint) as payment_terms_days,
    {{ currency_of('odoo') }} as currency_code,
    received_at as known_at
from {{ ref('int_odoo__customers_classified') }}
where is_current and has_credit_limit
