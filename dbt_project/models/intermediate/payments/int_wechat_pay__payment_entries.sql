{{ config(enabled=source_is_enabled('wechat_pay')) }}

with types as (
    select
        bill_kind,
        source_type,
        entry_type
    from {{ ref('payment_entry_type_map') }}
    where source = 'wechat_pay'
),

trades as (
    select
        records.*,
        coalesce(types.entry_type, 'other') as entry_type
    from {{ ref('int_wechat_pay__trade_entries_classified') }} as records
    left join types on types.bill_kind = 'trade' and records.source_type = types.source_type
    where records.is_current
),

-- A payment stands in one column of the bill and a refund in another; each is 0 where the other is not.
signed_trades as (
    select
        *,
        {{ signed_amount('entry_type', 'settled_amount - refund_amount') }} as amount,
        {{ charged_fee('entry_type', 'coalesce(fee, 0)') }} as fee_amount
    from trades
),

-- The fund flow names the order's payment, but for refunds not the order.
order_numbers as (
    select
        account,
        provider_payment_no,
        min(merchant_order_no) as merchant_order_no
    from trades
    group by account, provider_payment_no
    having count(distinct merchant_order_no) = 1
),

movements as (
    select
        records.*,
        coalesce(types.entry_type, 'other') as entry_type,
        case when records.direction = '收入' then records.amount else -records.amount end as change,
        coalesce(
            order_numbers.merchant_order_no,
            case when types.entry_type in ('payment', 'fee') then records.voucher_no end
        ) as merchant_order_no
    from {{ ref('int_wechat_pay__fund_entries_classified') }} as records
    left join types on types.bill_kind = 'account' and records.source_type = types.source_type
    left join order_numbers
        on records.account = order_numbers.account and records.flow_no = order_numbers.provider_payment_no
    where records.is_current
)

select
    'wechat_pay' as source,
    account,
    'trade' as bill_kind,
    case
        when entry_type = 'payment' then concat_ws('/', provider_payment_no, merchant_order_no)
        else concat_ws(
            '/', provider_payment_no, merchant_order_no, coalesce(nullif(provider_refund_no, '0'), source_type)
        )
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
    coalesce(currency_code, {{ currency_of('wechat_pay') }}) as currency_code,
    occurred_at,
    bill_date,
    row_number,
    null as balance_after,
    received_at as known_at
from signed_trades
union all
select
    'wechat_pay' as source,
    account,
    'account' as bill_kind,
    concat_ws('/', flow_no, business_no, source_type) as entry_no,
    entry_type,
    source_type,
    {{ order_no_of('merchant_order_no') }} as order_no,
    flow_no as provider_payment_no,
    null as settlement_no,
    nullif(remark, '') as description,
    change as amount,
    0 as fee_amount,
    change as net_amount,
    {{ currency_of('wechat_pay') }} as currency_code,
    occurred_at,
    bill_date,
    row_number,
    balance as balance_after,
    received_at as known_at
from movements
