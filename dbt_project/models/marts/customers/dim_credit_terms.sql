select
    {{ customer_key('source', 'channel', 'buyer_id') }} as customer_key,
    business,
    source,
    channel,
    credit_limit,
    open_amount,
    cast(credit_limit - open_amount as decimal(18, 2)) as available_credit,
    payment_terms,
    payment_terms_days,
    currency_code,
    known_at
from {{ ref('int_credit_terms_unioned') }}
