select
    parcels.parcel_performance_key,
    parcels.order_key,
    parcels.parcel_no,
    parcels.business,
    parcels.channel,
    parcels.carrier,
    parcels.site,
    parcels.province,
    parcels.shipment_status,
    parcels.stage,
    parcels.is_stuck,
    parcels.outcome,
    parcels.shipped_at,
    parcels.last_seen_at,
    cast({{ whole_minutes_between('parcels.last_seen_at', 'clock.as_of') }} as bigint) as unseen_minutes,
    parcels.limit_hours,
    parcels.promised_at,
    parcels.late_minutes,
    orders.net_paid_amount,
    orders.currency_code
from {{ ref('fct_parcel_performance') }} as parcels
inner join {{ ref('int_business_clock') }} as clock on parcels.business = clock.business
left join {{ ref('fct_orders') }} as orders on parcels.order_key = orders.order_key
where parcels.is_stuck or parcels.outcome = 'overdue'
