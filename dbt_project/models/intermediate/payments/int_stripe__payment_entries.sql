{{ config(enabled=source_is_enabled('stripe')) }}

with entries as (
    select
        records.*,
        coalesce(types.entry_type, 'other') as entry_type
    from {{ ref('int_stripe__balance_transactions_classified') }} as records
    left join {{ ref('payment_entry_type_map') }} as types
        on
            types.source = 'stripe'
            and types.bill_kind = 'account'
            and records.source_type = types.source_type
    where records.is_current
)

select
    'stripe' as source,
    account,
    'account' as bill_kind,
    transaction_no as entry_no,
    entry_type,
    source_type,
    {{ order_no_of('merchant_order_no') }} as order_no,
    coalesce(charge_no, source_no) as provider_payment_no,
    null as settlement_no,
    description,
    {{ from_minor_units('amount_units', 'currency') }} as amount,
    {{ from_minor_units('fee_units', 'currency') }} as fee_amount,
    {{ from_minor_units('net_units', 'currency') }} as net_amount,
    upper(currency) as currency_code,
    created_at as occurred_at,
    {{ business_date('created_at') }} as bill_date,
    null as row_number,
    null as balance_after,
    received_at as known_at
from entries
