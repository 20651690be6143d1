-- What an order told when it was placed, and whether it was fraud: a person who reviewed it said so, or the money was
-- given back for a reason of `fraud_reason_codes`. A person's word holds over the refund; without either the answer is
-- no when `fraud_maturity_days` are over. The order can still be held while it is open: nothing has arrived yet. Whose
-- device and address are shared is counted by who learns, order after order, so nothing later than an order is in it.
with refunds as (
    select
        refunds.order_key,
        min(refunds.refunded_at) as refunded_at
    from {{ ref('fct_refunds') }} as refunds
    left join {{ ref('return_reason_map') }} as own_reason
        on refunds.source = own_reason.source and refunds.reason = own_reason.source_reason
    left join {{ ref('return_reason_map') }} as any_reason
        on refunds.reason = any_reason.source_reason and any_reason.source = '*'
    where
        refunds.refund_status = 'refunded'
        and list_contains({{ var('fraud_reason_codes') }}, coalesce(own_reason.reason_code, any_reason.reason_code))
    group by refunds.order_key
),

devices as (
    select
        order_key,
        min(device_token) as device_token,
        min(address_token) as address_token
    from {{ ref('fct_order_devices') }}
    where order_key is not null
    group by order_key
),

ordered as (
    select
        orders.*,
        clock.as_of,
        refunds.refunded_at,
        verdicts.is_fraud as is_called_fraud,
        verdicts.given_at,
        {{ days_later('orders.created_at', var('fraud_maturity_days')) }} as matured_at
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_source_clock') }} as clock on orders.source = clock.source
    left join refunds on orders.order_key = refunds.order_key
    left join {{ ref('int_fraud_verdicts') }} as verdicts on orders.order_key = verdicts.order_key
    where
        orders.order_type = 'sale'
        and orders.customer_key is not null
        and orders.created_at < clock.as_of
        and orders.created_at >= {{ days_later('clock.as_of', '-' ~ var('fraud_history_days')) }}
),

answered as (
    select
        *,
        coalesce(is_called_fraud, refunded_at <= matured_at, false) as will_be_fraud,
        coalesce(given_at, least(coalesce(refunded_at, matured_at), matured_at)) as answered_at
    from ordered
)

select
    answered.business,
    answered.source,
    answered.order_key,
    answered.order_no,
    answered.customer_key,
    answered.created_at as decided_at,
    answered.answered_at > answered.as_of
    and answered.order_status in ('created', 'awaiting_payment', 'paid', 'allocated', 'shipped') as is_open,
    answered.channel,
    answered.province,
    answered.gross_amount,
    answered.currency_code,
    answered.line_count,
    answered.unit_count,
    cast({{ business_hour('answered.created_at') }} as integer) as hour_of_day,
    cast({{ business_weekday('answered.created_at') }} as integer) as day_of_week,
    devices.device_token,
    devices.address_token,
    case when answered.answered_at <= answered.as_of then answered.will_be_fraud end as is_fraud,
    case when answered.answered_at <= answered.as_of then answered.answered_at end as label_known_at
from answered
left join devices on answered.order_key = devices.order_key
