{{ config(enabled=source_is_enabled('settlement_exports')) }}

-- Amounts are gross: what was withheld of a settlement is its fee. A file names no shop; its folder does.
with shopify_orders as (
    {%- if source_is_enabled('shopify') %}
    select
        name as order_name,
        min(order_no) as order_no
    from {{ ref('int_shopify__orders_classified') }}
    where is_current
    group by name
    having count(*) = 1
    {%- else %}
    select
        cast(null as varchar) as order_name,
        cast(null as varchar) as order_no
    where 1 = 0
    {%- endif %}
),

douyin_funds as (
    select
        *,
        case when direction = '出账' then -abs(moved_amount) else abs(moved_amount) end as net_amount,
        -(
            coalesce(platform_fee, 0)
            + coalesce(commission, 0)
            + coalesce(provider_commission, 0)
            + coalesce(channel_share, 0)
            + coalesce(recruiting_fee, 0)
            + coalesce(promotion_fee, 0)
            + coalesce(other_share, 0)
        ) as withheld
    from {{ ref('int_settlement_exports__douyin_funds_classified') }}
    where is_current
),

lines as (
    select
        coalesce(nullif({{ shop_of_file('file_name') }}, ''), 'douyin') as account,
        'trade' as bill_kind,
        record_hash as entry_no,
        source_type,
        order_no,
        sub_order_no as provider_payment_no,
        null as settlement_no,
        null as description,
        coalesce(nullif(income_amount, 0), settled_amount) as amount,
        coalesce(nullif(income_amount, 0), settled_amount) - settled_amount as fee_amount,
        settled_amount as net_amount,
        null as currency_code,
        settled_at as occurred_at,
        record_number as row_number,
        received_at
    from {{ ref('int_settlement_exports__douyin_settlements_classified') }}
    where is_current
    union all
    select
        coalesce(nullif({{ shop_of_file('file_name') }}, ''), 'douyin') as account,
        'account' as bill_kind,
        flow_no as entry_no,
        coalesce(scene, remark, '-') as source_type,
        order_no,
        sub_order_no as provider_payment_no,
        null as settlement_no,
        remark as description,
        net_amount + withheld as amount,
        withheld as fee_amount,
        net_amount,
        null as currency_code,
        occurred_at,
        record_number as row_number,
        received_at
    from douyin_funds
    union all
    -- Until a charge is settled no money has moved.
    select
        coalesce(nullif({{ shop_of_file('file_name') }}, ''), shop_no, 'jd') as account,
        'account' as bill_kind,
        record_hash as entry_no,
        source_type,
        order_no,
        document_no as provider_payment_no,
        settlement_no,
        settlement_remark as description,
        case direction
            when '支出' then -abs(charged_amount)
            when '收入' then abs(charged_amount)
            else charged_amount
        end as amount,
        0 as fee_amount,
        case direction
            when '支出' then -abs(charged_amount)
            when '收入' then abs(charged_amount)
            else charged_amount
        end as net_amount,
        case when regexp_full_match(currency_code, '[A-Z]{3}') then currency_code end as currency_code,
        settled_at as occurred_at,
        record_number as row_number,
        received_at
    from {{ ref('int_settlement_exports__jd_classified') }}
    where is_current and settled_at is not null
    union all
    select
        coalesce(nullif({{ shop_of_file('file_name') }}, ''), 'pdd') as account,
        'account' as bill_kind,
        record_hash as entry_no,
        coalesce(nullif(regexp_extract(business, '^[0-9]+[|]([^-]+)', 1), ''), source_type) as source_type,
        order_no,
        null as provider_payment_no,
        null as settlement_no,
        nullif(concat_ws(' ', business, remark), '') as description,
        income - abs(expense) as amount,
        0 as fee_amount,
        income - abs(expense) as net_amount,
        null as currency_code,
        occurred_at,
        record_number as row_number,
        received_at
    from {{ ref('int_settlement_exports__pdd_classified') }}
    where is_current
    union all
    select
        coalesce(nullif({{ shop_of_file('records.file_name') }}, ''), 'shopify_payments') as account,
        'account' as bill_kind,
        concat_ws(
            '/', records.source_type, epoch_us(records.occurred_at), coalesce(records.order_name, '-'),
            coalesce(records.checkout_no, '-'), records.amount, records.fee
        ) as entry_no,
        records.source_type,
        coalesce(shopify_orders.order_no, records.order_name) as order_no,
        records.checkout_no as provider_payment_no,
        records.payout_no as settlement_no,
        records.card_brand as description,
        records.amount,
        records.fee as fee_amount,
        records.net as net_amount,
        upper(records.currency_code) as currency_code,
        records.occurred_at,
        records.record_number as row_number,
        records.received_at
    from {{ ref('int_settlement_exports__shopify_payments_classified') }} as records
    left join shopify_orders on records.order_name = shopify_orders.order_name
    where records.is_current
)

select
    'settlement_exports' as source,
    lines.account,
    lines.bill_kind,
    lines.entry_no,
    -- What a word calls a payment is a refund when it goes out.
    case
        when types.entry_type = 'payment' and lines.amount < 0 then 'refund' else coalesce(types.entry_type, 'other')
    end as entry_type,
    lines.source_type,
    lines.order_no,
    lines.provider_payment_no,
    lines.settlement_no,
    lines.description,
    lines.amount,
    lines.fee_amount,
    lines.net_amount,
    coalesce(lines.currency_code, {{ currency_of('settlement_exports') }}) as currency_code,
    lines.occurred_at,
    {{ business_date('lines.occurred_at') }} as bill_date,
    lines.row_number,
    null as balance_after,
    lines.received_at as known_at
from lines
left join {{ ref('payment_entry_type_map') }} as types
    on
        types.source = 'settlement_exports'
        and lines.bill_kind = types.bill_kind
        and lines.source_type = types.source_type
