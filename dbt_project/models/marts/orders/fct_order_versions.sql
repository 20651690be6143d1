{{ config(materialized='incremental') }}

-- An order's versions depend on the records of its source, and on the order as it is.
{%- set inputs -%}
    select
        input.order_key,
        {{ row_hash('input') }} as row_hash
    from (
        select
            orders.order_key,
            orders.business,
            orders.source,
            orders.channel,
            orders.order_no,
            orders.order_type,
            orders.currency_code,
            orders.created_at,
            orders.known_at,
            orders.order_status,
            orders.gross_amount,
            versions.content
        from {{ ref('fct_orders') }} as orders
        left join (
            select
                version.source,
                version.channel,
                version.order_no,
                sum({{ row_hash('version') }}) as content
            from (
                select
                    source,
                    channel,
                    order_no,
                    source_status,
                    gross_amount,
                    event_at,
                    known_at,
                    record_hash,
                    record_number
                from {{ ref('int_order_versions_unioned') }}
            ) as version
            group by version.source, version.channel, version.order_no
        ) as versions
            on
                orders.source = versions.source
                and orders.channel = versions.channel
                and orders.order_no = versions.order_no
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'order_key') }}
),

-- A source that keeps no records of orders by themselves, or no status in them, has one version: the order as it is.
told as (
    select
        orders.order_key,
        orders.business,
        orders.source,
        orders.channel,
        orders.order_no,
        orders.order_type,
        orders.currency_code,
        orders.created_at,
        versions.source_status,
        versions.gross_amount,
        coalesce(versions.event_at, orders.created_at) as event_at,
        coalesce(versions.known_at, orders.known_at) as known_at,
        coalesce(versions.record_hash, '') as record_hash,
        coalesce(versions.record_number, 0) as record_number,
        versions.source is null as is_only_version,
        orders.order_status as status_now,
        orders.gross_amount as amount_now,
        inputs.row_hash
    from {{ ref('fct_orders') }} as orders
    inner join inputs on orders.order_key = inputs.order_key
    left join {{ ref('int_order_versions_unioned') }} as versions
        on
            orders.source = versions.source
            and orders.channel = versions.channel
            and orders.order_no = versions.order_no
),

mapped as (
    select
        told.*,
        case
            when told.is_only_version then told.status_now
            else coalesce(own_status.order_status, any_status.order_status, 'unknown')
        end as order_status
    from told
    left join {{ ref('order_status_map') }} as own_status
        on
            told.source = own_status.source
            and told.channel = own_status.channel
            and told.source_status = own_status.source_status
    left join {{ ref('order_status_map') }} as any_status
        on
            told.source = any_status.source
            and any_status.channel = '*'
            and told.source_status = any_status.source_status
),

numbered as (
    select
        *,
        row_number() over in_order as version_number,
        lag(order_status) over in_order as previous_status,
        lag(gross_amount) over in_order as previous_amount,
        min(known_at) over (
            partition by order_key
            order by event_at, known_at, record_number, record_hash
            rows between 1 following and unbounded following
        ) as replaced_at
    from mapped
    window in_order as (partition by order_key order by event_at, known_at, record_number, record_hash)
)

select
    order_key || '#' || version_number as order_version_key,
    order_key,
    business,
    source,
    channel,
    order_no,
    order_type,
    cast(version_number as bigint) as version_number,
    source_status,
    order_status,
    previous_status,
    coalesce(gross_amount, amount_now) as gross_amount,
    cast(
        coalesce(gross_amount - previous_amount, 0) as decimal(18, 2)
    ) as amount_change,
    currency_code,
    created_at,
    event_at,
    known_at,
    replaced_at as known_until,
    replaced_at is null as is_current,
    coalesce(replaced_at <= known_at, false) as was_never_current,
    row_hash
from numbered
