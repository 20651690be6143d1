-- A parcel is looked at when each business day ends, from shipping until its answer is known, and now. Every column
-- tells what was known at that look: scans and other parcels up to then, the promise as it was made at shipping. The
-- answer is late when the promise runs out, in time when the parcel is delivered before; parcels that came back have
-- none. Now is the newest thing that was told of any parcel of the business: orders may be told of later than parcels,
-- and a promise that ran out since then says nothing about a delivery that nobody has told of yet.
with clock as (
    select
        business,
        least(
            max(as_of),
            max(greatest(shipped_at, coalesce(last_seen_at, shipped_at), coalesce(delivered_at, shipped_at)))
        ) as as_of
    from (
        select
            parcels.business,
            parcels.shipped_at,
            parcels.last_seen_at,
            parcels.delivered_at,
            clock.as_of
        from {{ ref('fct_parcel_performance') }} as parcels
        inner join {{ ref('int_business_clock') }} as clock on parcels.business = clock.business
        where parcels.shipped_at <= clock.as_of
    ) as told
    group by business
),

parcels as (
    select
        parcels.*,
        clock.as_of,
        least(coalesce(parcels.delivered_at, parcels.promised_at), parcels.promised_at) as answered_at,
        parcels.shipment_status = 'returned' as is_returned
    from {{ ref('fct_parcel_performance') }} as parcels
    inner join clock on parcels.business = clock.business
    where
        parcels.shipped_at < clock.as_of
        and parcels.promised_at > parcels.shipped_at
        and parcels.shipped_at >= {{ days_later('clock.as_of', '-' ~ var('late_delivery_history_days')) }}
),

moments as (
    select
        clock.business,
        {{ end_of_business_date('days.date_day') }} as decided_at
    from clock
    inner join {{ ref('dim_dates') }} as days
        on
            days.date_day < {{ business_date('clock.as_of') }}
            and days.date_day >= {{ business_date('clock.as_of') }} - {{ var('late_delivery_history_days') }}
    union distinct
    select
        business,
        as_of as decided_at
    from clock
),

carrier_loads as (
    select
        moments.business,
        moments.decided_at,
        parcels.carrier,
        count(*) as carrier_open_parcels
    from moments
    inner join parcels
        on
            moments.business = parcels.business
            and moments.decided_at > parcels.shipped_at
            and coalesce(parcels.delivered_at, parcels.as_of) >= moments.decided_at
    group by moments.business, moments.decided_at, parcels.carrier
),

looks as (
    select
        parcels.parcel_performance_key,
        parcels.parcel_no,
        parcels.business,
        moments.decided_at,
        moments.decided_at = parcels.as_of as is_now
    from parcels
    inner join moments
        on
            parcels.business = moments.business
            and parcels.shipped_at < moments.decided_at
            and parcels.answered_at > moments.decided_at
),

scans as (
    select
        business,
        upper(tracking_no) as parcel_no,
        scanned_at,
        shipment_status
    from {{ ref('fct_shipment_scans') }}
),

scanned as (
    select
        looks.parcel_performance_key,
        looks.decided_at,
        count(*) as scan_count,
        max(scans.scanned_at) as last_scanned_at,
        bool_or(scans.shipment_status = 'out_for_delivery') as is_out_for_delivery,
        bool_or(scans.shipment_status = 'exception') as has_exception
    from looks
    inner join scans
        on
            looks.business = scans.business
            and looks.parcel_no = scans.parcel_no
            and looks.decided_at >= scans.scanned_at
    group by looks.parcel_performance_key, looks.decided_at
)

select
    parcels.business,
    parcels.parcel_performance_key,
    parcels.order_key,
    parcels.parcel_no,
    looks.decided_at,
    looks.is_now and not parcels.is_returned as is_open,
    parcels.channel,
    parcels.carrier,
    parcels.carrier || ' ' || coalesce(parcels.origin_province, '?') || '→' || coalesce(parcels.province, '?') as lane,
    parcels.site,
    parcels.transport_mode,
    parcels.distance_km,
    parcels.weight_kg,
    cast({{ whole_minutes_between('parcels.shipped_at', 'looks.decided_at') }} as bigint) as shipped_minutes,
    cast({{ whole_minutes_between('looks.decided_at', 'parcels.promised_at') }} as bigint) as remaining_minutes,
    cast(
        {{ whole_minutes_between('coalesce(scanned.last_scanned_at, parcels.shipped_at)', 'looks.decided_at') }}
        as bigint
    ) as unseen_minutes,
    coalesce(scanned.scan_count, 0) as scan_count,
    cast(coalesce(scanned.is_out_for_delivery, false) as integer) as is_out_for_delivery,
    cast(coalesce(scanned.has_exception, false) as integer) as has_exception,
    coalesce(carrier_loads.carrier_open_parcels, 0) as carrier_open_parcels,
    parcels.promised_at,
    case
        when not parcels.is_returned and parcels.answered_at <= parcels.as_of
            then coalesce(parcels.delivered_at > parcels.promised_at, true)
    end as is_late,
    case
        when not parcels.is_returned and parcels.answered_at <= parcels.as_of then parcels.answered_at
    end as label_known_at
from looks
inner join parcels on looks.parcel_performance_key = parcels.parcel_performance_key
left join scanned
    on
        looks.parcel_performance_key = scanned.parcel_performance_key
        and looks.decided_at = scanned.decided_at
left join carrier_loads
    on
        parcels.business = carrier_loads.business
        and parcels.carrier = carrier_loads.carrier
        and looks.decided_at = carrier_loads.decided_at
