-- A visit without any word of where it came from is direct, as analytics has it.
with visits as (
    select
        * exclude (traffic_source, traffic_medium),
        coalesce(traffic_source, '(direct)') as traffic_source,
        coalesce(traffic_medium, case when traffic_source is null then '(none)' else '(not set)' end) as traffic_medium
    from {{ ref('int_visits_unioned') }}
)

select
    visits.source || ':' || visits.visit_no as visit_key,
    visits.business,
    visits.source,
    visits.visitor_token,
    visits.user_token,
    visits.started_at,
    {{ business_date('visits.started_at') }} as started_on,
    visits.last_event_at,
    coalesce(mediums.traffic_channel, 'unassigned') as traffic_channel,
    visits.traffic_source,
    visits.traffic_medium,
    visits.campaign,
    visits.device_category,
    visits.country,
    visits.event_count,
    visits.page_view_count,
    visits.first_viewed_sku,
    visits.product_viewed_at,
    visits.added_to_cart_at,
    visits.checkout_started_at,
    visits.purchased_at,
    visits.purchase_count,
    visits.order_no,
    order_numbers.order_key,
    visits.purchase_amount,
    visits.currency_code,
    visits.known_at
from visits
left join {{ ref('traffic_mediums') }} as mediums on lower(visits.traffic_medium) = mediums.medium
left join {{ ref('int_order_numbers') }} as order_numbers
    on visits.business = order_numbers.business and visits.order_no = order_numbers.order_no
