{{ config(enabled=source_is_enabled('taobao')) }}

select
    'taobao' as source,
    account as channel,
    order_no,
    case trade_type when 'nopaid' then 'sample' else 'sale' end as order_type,
    buyer_id,
    status as source_status,
    null as derived_status,
    created_at,
    paid_at,
    payment as gross_amount,
    case when paid_at is null then 0 else payment end as paid_amount,
    {{ currency_of('taobao') }} as currency_code,
    province as province_name,
    'China' as country,
    received_at as known_at
from {{ ref('int_taobao__orders_classified') }}
where is_current
