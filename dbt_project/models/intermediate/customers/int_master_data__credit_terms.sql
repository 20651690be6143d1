{{ config(enabled=source_is_enabled('master_data')) }}

select
    'master_data' as source,
    channel,
    customer_no as buyer_id,
    credit_limit,
    open_amount,
    payment_terms,
    payment_terms_days,
    coalesce(currency_code, {{ currency_of('master_data') }}) as currency_code,
    received_at as known_at
from {{ ref('int_master_data__customers_classified') }}
where
    is_current
    and (
        credit_limit is not null
        or open_amount is not null
        or payment_terms is not null
        or payment_terms_days is not null
    )
