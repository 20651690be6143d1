{{ config(enabled=source_is_enabled('sandbox')) }}

select
    'sandbox' as source,
    lines.account,
    'account' as bill_kind,
    lines.entry_no,
    coalesce(types.entry_type, 'other') as entry_type,
    lines.entry_type as source_type,
    lines.order_no,
    lines.payment_no as provider_payment_no,
    lines.settlement_no,
    null as description,
    lines.amount,
    coalesce(lines.fee, 0) as fee_amount,
    lines.amount - coalesce(lines.fee, 0) as net_amount,
    {{ currency_of('sandbox') }} as currency_code,
    lines.occurred_at,
    {{ business_date('lines.occurred_at') }} as bill_date,
    null as row_number,
    null as balance_after,
    lines.received_at as known_at
from {{ ref('int_sandbox__settlement_lines_classified') }} as lines
left join {{ ref('payment_entry_type_map') }} as types
    on types.source = 'sandbox' and types.bill_kind = 'account' and lines.entry_type = types.source_type
where lines.is_current
