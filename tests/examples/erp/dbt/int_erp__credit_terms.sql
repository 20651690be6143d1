{{ config(enabled=source_is_enabled('erp')) }}

select
    'erp' as source,
    case kind when 'store' then 'pos' else kind end as channel,
    customer_id as buyer_id,
    credit_limit,
    balance as open_amount,
    null as payment_terms,
    null as payment_terms_days,
    {{ currency_of('erp') }} as currency_code,
    received_at as known_at
from {{ ref('int_erp__customers_classified') }}
where is_current and credit_limit is not null
