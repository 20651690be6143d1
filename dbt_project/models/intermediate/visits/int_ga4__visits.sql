{{ config(enabled=source_is_enabled('ga4'), materialized='table') }}

-- A receipt that is opened again tells its purchase again: an order counts in the visit that told it first.
with events as (
    select
        *,
        (occurred_at, source_id) as place,
        case
            when traffic_source is not null
                then struct_pack(source := traffic_source, medium := traffic_medium, campaign := campaign)
        end as traffic,
        event_name = 'purchase'
        and (
            order_no is null
            or row_number() over (partition by order_no, event_name order by occurred_at, source_id) = 1
        ) as is_purchase
    from {{ ref('int_ga4__events') }}
    where visit_no is not null
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
)

select
    'ga4' as source,
    * exclude (traffic),
    struct_extract(traffic, 'source') as traffic_source,
    struct_extract(traffic, 'medium') as traffic_medium,
    struct_extract(traffic, 'campaign') as campaign
from visits
