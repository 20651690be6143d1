{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{{ follow('orders') }}

with orders as (
    select * from {{ ref('int_orders_unioned') }}
    {{ where_touched() }}
),

line_totals as (
    select
        order_key,
        count(*) as line_count,
        sum(quantity) as unit_count
    from {{ ref('int_order_lines_unioned') }}
    {{ where_touched() }}
    group by order_key
),

refund_totals as (
    select
        order_key,
        sum(amount) filter (where refund_status = 'refunded') as refunded_amount,
        bool_or(refund_status = 'refunding') as has_refunding,
        bool_or(refund_status = 'rejected') as has_rejected
    from {{ ref('fct_refunds') }}
    {{ where_touched() }}
    group by order_key
),

-- Several sources may tell of one parcel: the shop that sent it, the warehouse, the carrier.
order_parcels as (
    select
        order_key,
        upper(tracking_no) as parcel_no,
        min(coalesce(shipped_at, delivered_at)) as shipped_at,
        max(delivered_at) as delivered_at
    from {{ ref('fct_parcels') }}
    {{ where_touched() }}
    group by order_key, upper(tracking_no)
),

parcel_totals as (
    select
        order_key,
        min(shipped_at) as shipped_at,
        case when count(*) = count(delivered_at) then max(delivered_at) end as delivered_at
    from order_parcels
    group by order_key
),

mapped as (
    select
        orders.*,
        coalesce(
            orders.derived_status, own_status.order_status, any_status.order_status, 'unknown'
        ) as mapped_status,
        case
            when own_status.source is not null then own_status.refund_status else any_status.refund_status
        end as implied_refund_status,
        case
            when channels.fulfilment = 'counter' then orders.paid_at else parcel_totals.shipped_at
        end as shipped_at,
        case
            when channels.fulfilment = 'counter' then orders.paid_at else parcel_totals.delivered_at
        end as delivered_at,
        coalesce(line_totals.line_count, 0) as line_count,
        coalesce(line_totals.unit_count, 0) as unit_count,
        coalesce(refund_totals.refunded_amount, 0) as refunded_amount,
        coalesce(refund_totals.has_refunding, false) as has_refunding,
        coalesce(refund_totals.has_rejected, false) as has_rejected,
        coalesce(province_names.province, orders.province_name) as province,
        -- What was entered here says itself by whom: its word for the status is `<path>/<status>`.
        case
            when orders.source = 'order_entry' then split_part(orders.source_status, '/', 1)
            else coalesce(channels.entry_path, 'shop')
        end as entry_path
    from orders
    left join {{ ref('order_status_map') }} as own_status
        on
            orders.source = own_status.source
            and orders.channel = own_status.channel
            and orders.source_status = own_status.source_status
    left join {{ ref('order_status_map') }} as any_status
        on
            orders.source = any_status.source
            and any_status.channel = '*'
            and orders.source_status = any_status.source_status
    left join {{ ref('channels') }} as channels
        on orders.source = channels.source and orders.channel = channels.channel
    left join {{ ref('province_names') }} as province_names
        on orders.province_name = province_names.name
    left join line_totals on orders.order_key = line_totals.order_key
    left join refund_totals on orders.order_key = refund_totals.order_key
    left join parcel_totals on orders.order_key = parcel_totals.order_key
)

select
    order_key,
    business,
    source,
    channel,
    order_no,
    order_type,
    entry_path,
    customer_key,
    case
        when mapped_status = 'shipped' and delivered_at is not null then 'delivered'
        else mapped_status
    end as order_status,
    case
        when has_refunding then 'refunding'
        when refunded_amount > 0 or order_type = 'return' then 'refunded'
        when implied_refund_status is not null and paid_at is not null then implied_refund_status
        when has_rejected then 'rejected'
        else 'none'
    end as refund_status,
    source_status,
    created_at,
    paid_at,
    shipped_at,
    delivered_at,
    created_on,
    gross_amount,
    paid_amount,
    cast(refunded_amount as decimal(18, 2)) as refunded_amount,
    cast(paid_amount - refunded_amount as decimal(18, 2)) as net_paid_amount,
    cast(line_count as bigint) as line_count,
    cast(unit_count as bigint) as unit_count,
    currency_code,
    province,
    country,
    known_at,
    true as is_current_version
from mapped
