{{ config(enabled=source_is_enabled('bank_statements')) }}

-- A statement's line has no number: the line itself, with the balance after it, is what tells it from others.
with lines as (
    select
        'cmb' as account,
        record_hash,
        summary,
        remark,
        amount,
        balance,
        currency,
        booked_at,
        record_number,
        received_at
    from {{ ref('int_bank_statements__cmb_classified') }}
    where is_current
    union all
    select
        concat_ws(' ', 'boc', card_tail) as account,
        record_hash,
        summary,
        remark,
        amount,
        balance,
        currency,
        {{ local_to_utc("cast(booked_on || ' ' || booked_time as timestamp)", 'Asia/Shanghai') }} as booked_at,
        record_number,
        received_at
    from {{ ref('int_bank_statements__boc_classified') }}
    where is_current
    union all
    select
        bank_account as account,
        record_hash,
        summary,
        reference as remark,
        amount,
        balance,
        currency,
        booked_at,
        record_number,
        received_at
    from {{ ref('int_bank_statements__other_classified') }}
    where is_current
)

select
    'bank_statements' as source,
    account,
    'account' as bill_kind,
    record_hash as entry_no,
    'other' as entry_type,
    case when amount < 0 then 'debit' else 'credit' end as source_type,
    null as order_no,
    null as provider_payment_no,
    null as settlement_no,
    nullif(concat_ws(' ', summary, remark), '') as description,
    amount,
    0 as fee_amount,
    amount as net_amount,
    case when currency in ('人民币', 'RMB') then 'CNY' else upper(currency) end as currency_code,
    booked_at as occurred_at,
    {{ business_date('booked_at') }} as bill_date,
    record_number as row_number,
    balance as balance_after,
    received_at as known_at
from lines
