{{ config(enabled=source_is_enabled('tmall')) }}

with records as (
    select * from {{ ref('int_tmall__orders_classified') }}
    where is_current
),

clock as (
    select * from {{ ref('int_source_clock') }}
    where source = 'tmall'
),

pay_window as (
    select window_hours
    from {{ ref('funnel_steps') }}
    where funnel = 'created_paid_kept' and step_name = 'paid'
)

select
    'tmall' as source,
    'tmall' as channel,
    records.order_no,
    'sale' as order_type,
    null as buyer_id,
    null as source_status,
    case
        when records.paid_at is not null then 'paid'
        when clock.as_of < {{ hours_later('records.created_at', 'pay_window.window_hours') }}
            then 'awaiting_payment'
        else 'cancelled'
    end as derived_status,
    records.created_at,
    records.paid_at,
    records.total_amount as gross_amount,
    case
        when records.paid_at is null then 0
        else records.net_paid_amount + records.refunded_amount
    end as paid_amount,
    records.refunded_amount,
    {{ currency_of('tmall') }} as currency_code,
    records.province as province_name,
    'China' as country,
    records.received_at as known_at
from records
left join clock on records.source_id is not null
left join pay_window on records.source_id is not null
