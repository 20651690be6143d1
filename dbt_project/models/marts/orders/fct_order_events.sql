{{ config(materialized='incremental') }}

{%- set told -%}
    select
        orders.order_key,
        'created' as event,
        'buyer' as actor,
        orders.source,
        '' as reference,
        case
            when versions.order_status in ('created', 'awaiting_payment') then versions.order_status
        end as order_status,
        orders.created_at as event_at,
        versions.known_at
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('fct_order_versions') }} as versions
        on orders.order_key = versions.order_key and versions.version_number = 1
    union all
    select
        order_key,
        'status_changed' as event,
        'platform' as actor,
        source,
        cast(version_number as varchar) as reference,
        order_status,
        event_at,
        known_at
    from {{ ref('fct_order_versions') }}
    where order_status != previous_status
    union all
    select
        order_key,
        'amount_changed' as event,
        'platform' as actor,
        source,
        cast(version_number as varchar) as reference,
        cast(null as varchar) as order_status,
        event_at,
        known_at
    from {{ ref('fct_order_versions') }}
    where amount_change != 0
    union all
    select
        order_key,
        'paid' as event,
        'buyer' as actor,
        source,
        payment_key as reference,
        'paid' as order_status,
        paid_at as event_at,
        known_at
    from {{ ref('fct_payments') }}
    union all
    select
        order_key,
        'refund_requested' as event,
        'buyer' as actor,
        source,
        refund_key as reference,
        cast(null as varchar) as order_status,
        requested_at as event_at,
        known_at
    from {{ ref('fct_refunds') }}
    union all
    select
        order_key,
        'refunded' as event,
        'shop' as actor,
        source,
        refund_key as reference,
        cast(null as varchar) as order_status,
        refunded_at as event_at,
        known_at
    from {{ ref('fct_refunds') }}
    union all
    select
        order_key,
        'parcel_shipped' as event,
        'warehouse' as actor,
        source,
        parcel_key as reference,
        'shipped' as order_status,
        shipped_at as event_at,
        known_at
    from {{ ref('fct_parcels') }}
    union all
    select
        order_key,
        'parcel_delivered' as event,
        'carrier' as actor,
        source,
        parcel_key as reference,
        cast(null as varchar) as order_status,
        delivered_at as event_at,
        known_at
    from {{ ref('fct_parcels') }}
    union all
    select
        order_key,
        'exchange_requested' as event,
        'buyer' as actor,
        source,
        exchange_key as reference,
        cast(null as varchar) as order_status,
        requested_at as event_at,
        known_at
    from {{ ref('fct_exchanges') }}
    union all
    select
        order_key,
        'invoiced' as event,
        'finance' as actor,
        source,
        invoice_key as reference,
        cast(null as varchar) as order_status,
        {{ local_to_utc('cast(issued_on as timestamp)', business_time_zone()) }} as event_at,
        known_at
    from {{ ref('fct_invoices') }}
    union all
    select
        order_key,
        'delivered' as event,
        'carrier' as actor,
        source,
        '' as reference,
        'delivered' as order_status,
        delivered_at as event_at,
        known_at
    from {{ ref('fct_orders') }}
{%- endset %}

-- An order's events depend on what is told of it; where one is added, the others change their numbers.
{%- set inputs -%}
    select
        input.order_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            orders.order_key,
            orders.business,
            orders.channel,
            events.content
        from (
            select
                told_event.order_key,
                sum({{ row_hash('told_event') }}) as content
            from ({{ told }}) as told_event
            where told_event.event_at is not null
            group by told_event.order_key
        ) as events
        inner join {{ ref('fct_orders') }} as orders on events.order_key = orders.order_key
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'order_key') }}
),

told as (
    select *
    from ({{ told }}) as events
    {{ where_touched() }}
)

select
    concat_ws('#', told.order_key, told.event, nullif(told.reference, '')) as order_event_key,
    told.order_key,
    orders.business,
    orders.channel,
    row_number() over in_order as event_number,
    told.event,
    told.actor,
    told.source,
    nullif(told.reference, '') as reference,
    told.order_status,
    told.event_at,
    told.known_at,
    {{ seconds_between('lag(told.event_at) over in_order', 'told.event_at') }} as seconds_since_previous,
    {{ seconds_between('told.event_at', 'told.known_at') }} as seconds_to_known,
    inputs.row_hash
from told
inner join inputs on told.order_key = inputs.order_key
inner join {{ ref('fct_orders') }} as orders on told.order_key = orders.order_key
where told.event_at is not null
window in_order as (partition by told.order_key order by told.event_at, told.event, told.reference)
