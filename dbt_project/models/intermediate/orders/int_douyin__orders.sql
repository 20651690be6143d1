{{ config(enabled=source_is_enabled('douyin')) }}

select
    'douyin' as source,
    account as channel,
    order_no,
    -- Pay type 7: nothing was to be paid, as for samples to livestreamers.
    case pay_type when '7' then 'sample' else 'sale' end as order_type,
    buyer_id,
    -- order_status 4 hides why an order was closed, and 1 that its deposit is paid: main_status tells.
    case when main_status in ('103', '21', '22', '39') then main_status else order_status end as source_status,
    null as derived_status,
    created_at,
    case when main_status = '103' then null else paid_at end as paid_at,
    payment as gross_amount,
    case when paid_at is null or main_status = '103' then 0 else payment end as paid_amount,
    {{ currency_of('douyin') }} as currency_code,
    province as province_name,
    'China' as country,
    received_at as known_at
from {{ ref('int_douyin__orders_classified') }}
where is_current
