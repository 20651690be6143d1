{{ config(enabled=source_is_enabled('wechat_store')) }}

select
    'wechat_store' as source,
    account as channel,
    order_no,
    -- Payment method 3: something that was won, for which nothing is paid.
    case payment_method when '3' then 'sample' else 'sale' end as order_type,
    -- A gift is its giver's purchase: the order belongs to whoever gets it.
    coalesce(giver_id, owner_id) as buyer_id,
    status as source_status,
    null as derived_status,
    created_at,
    paid_at,
    payment as gross_amount,
    case when paid_at is null then 0 else payment end as paid_amount,
    {{ currency_of('wechat_store') }} as currency_code,
    province as province_name,
    'China' as country,
    received_at as known_at
from {{ ref('int_wechat_store__orders_classified') }}
where is_current
