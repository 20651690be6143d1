{{ config(enabled=source_is_enabled('ga4'), materialized='incremental') }}

-- A receipt that is opened again tells its purchase again: an order counts in the visit that told it first.
{%- set told -%}
    select
        events.*,
        coalesce(purchases.telling = 1, events.event_name = 'purchase') as is_purchase
    from {{ ref('int_ga4__events') }} as events
    left join (
        select
            source_id,
            row_number() over (partition by order_no order by occurred_at, source_id) as telling
        from {{ ref('int_ga4__events') }}
        where event_name = 'purchase' and order_no is not null and visit_no is not null
    ) as purchases on events.source_id = purchases.source_id
    where events.visit_no is not null
{%- endset %}

-- A visit depends on the days of its events, and on which of these are its purchases.
{%- set inputs -%}
    select
        input.visit_no,
        {{ row_hash('input') }} as row_hash
    from (
        select
            record.visit_no,
            sum({{ row_hash('record') }}) as content
        from (
            select
                visit_no,
                source_id,
                is_purchase,
                row_hash
            from ({{ told }}) as told
        ) as record
        group by record.visit_no
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'visit_no') }}
),

events as (
    select
        *,
        (occurred_at, source_id) as place,
        case
            when traffic_source is not null
                then struct_pack(source := traffic_source, medium := traffic_medium, campaign := campaign)
        end as traffic
    from ({{ told }}) as told
    {{ where_touched() }}
),

visits as (
    select
        visit_no,
        min(visitor_token) as visitor_token,
        arg_min(user_token, place) as user_token,
        min(occurred_at) as started_at,
        max(occurred_at) as last_event_at,
        arg_min(traffic, place) as traffic,
        arg_min(device_category, place) as device_category,
        arg_min(country, place) as country,
        count(*) as event_count,
        count(*) filter (where event_name = 'page_view') as page_view_count,
        arg_min(sku, place) filter (where event_name = 'view_item') as first_viewed_sku,
        min(occurred_at) filter (where event_name = 'view_item') as product_viewed_at,
        min(occurred_at) filter (where event_name = 'add_to_cart') as added_to_cart_at,
        min(occurred_at) filter (where event_name = 'begin_checkout') as checkout_started_at,
        min(occurred_at) filter (where is_purchase) as purchased_at,
        count(*) filter (where is_purchase) as purchase_count,
        arg_min(order_no, place) filter (where is_purchase) as order_no,
        sum(revenue) filter (where is_purchase) as purchase_amount,
        arg_min(currency_code, place) filter (where is_purchase) as currency_code,
        max(received_at) as known_at
    from events
    group by visit_no
),

shaped as (
    select
        'ga4' as source,
        * exclude (traffic),
        struct_extract(traffic, 'source') as traffic_source,
        struct_extract(traffic, 'medium') as traffic_medium,
        struct_extract(traffic, 'campaign') as campaign
    from visits
)

select
    shaped.*,
    inputs.row_hash
from shaped
inner join inputs on shaped.visit_no = inputs.visit_no
