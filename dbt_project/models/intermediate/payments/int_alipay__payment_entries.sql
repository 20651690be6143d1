{{ config(enabled=source_is_enabled('alipay')) }}

with types as (
    select
        bill_kind,
        source_type,
        entry_type
    from {{ ref('payment_entry_type_map') }}
    where source = 'alipay'
),

trades as (
    select
        records.*,
        coalesce(types.entry_type, 'other') as entry_type,
        abs(coalesce(records.service_fee, 0)) + abs(coalesce(records.shared_amount, 0)) as charged
    from {{ ref('int_alipay__trade_entries_classified') }} as records
    left join types on types.bill_kind = 'trade' and records.source_type = types.source_type
    where records.is_current
),

signed_trades as (
    select
        *,
        {{ signed_amount('entry_type', 'received_amount') }} as amount,
        {{ charged_fee('entry_type', 'charged') }} as fee_amount
    from trades
),

movements as (
    select
        records.*,
        coalesce(types.entry_type, 'other') as entry_type,
        coalesce(records.income, 0) - abs(coalesce(records.expense, 0)) as amount
    from {{ ref('int_alipay__account_entries_classified') }} as records
    left join types on types.bill_kind = 'account' and records.source_type = types.source_type
    where records.is_current
)

select
    'alipay' as source,
    account,
    'trade' as bill_kind,
    -- A refund repeats the payment's number and has one of its own beside it.
    case
        when entry_type = 'payment' then provider_payment_no
        else concat_ws('/', provider_payment_no, coalesce(provider_refund_no, source_type))
    end as entry_no,
    entry_type,
    source_type,
    {{ order_no_of('merchant_order_no') }} as order_no,
    provider_payment_no,
    null as settlement_no,
    goods as description,
    amount,
    fee_amount,
    amount - fee_amount as net_amount,
    {{ currency_of('alipay') }} as currency_code,
    completed_at as occurred_at,
    bill_date,
    row_number,
    null as balance_after,
    received_at as known_at
from signed_trades
union all
select
    'alipay' as source,
    account,
    'account' as bill_kind,
    flow_no as entry_no,
    entry_type,
    source_type,
    {{ order_no_of('merchant_order_no') }} as order_no,
    provider_payment_no,
    null as settlement_no,
    nullif(concat_ws(' ', goods, remark), '') as description,
    amount,
    0 as fee_amount,
    amount as net_amount,
    {{ currency_of('alipay') }} as currency_code,
    occurred_at,
    bill_date,
    row_number,
    balance as balance_after,
    received_at as known_at
from movements
