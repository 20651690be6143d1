{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    channel,
    buyer_id,
    credit_limit,
    null as open_amount,
    null as payment_terms,
    payment_terms_days,
    {{ currency_of('sandbox') }} as currency_code,
    received_at as known_at
from {{ ref('int_sandbox__customers_classified') }}
where is_current and (credit_limit is not null or payment_terms_days is not null)
