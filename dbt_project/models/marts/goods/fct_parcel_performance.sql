{%- set weight_classes = var('parcel_weight_classes') -%}
-- A parcel as its order sees it: one row, whatever number of sources tell of it. Which lines of an order are in which
-- of its parcels nobody tells, so they share its weight; units of unknown weight count with the default.
with named as (
    select
        parcels.order_key,
        upper(parcels.tracking_no) as parcel_no,
        parcels.business,
        coalesce(names.carrier, lower(parcels.carrier)) as carrier,
        parcels.shipment_status,
        coalesce(parcels.shipped_at, parcels.delivered_at) as shipped_at,
        parcels.promised_at,
        parcels.delivered_at,
        parcels.last_scanned_at,
        parcels.known_at
    from {{ ref('fct_parcels') }} as parcels
    left join {{ ref('carrier_names') }} as names on {{ carrier_key('parcels.carrier') }} = names.name
),

parcels as (
    select
        order_key,
        parcel_no,
        min(business) as business,
        coalesce(min(carrier), 'unknown') as carrier,
        case
            when bool_or(shipment_status = 'returned') then 'returned'
            when bool_or(shipment_status = 'delivered') then 'delivered'
            when bool_or(shipment_status = 'exception') then 'exception'
            when bool_or(shipment_status = 'out_for_delivery') then 'out_for_delivery'
            when bool_or(shipment_status = 'in_transit') then 'in_transit'
            when bool_or(shipment_status = 'created') then 'created'
            else 'unknown'
        end as shipment_status,
        min(shipped_at) as shipped_at,
        min(promised_at) as told_promised_at,
        max(delivered_at) as delivered_at,
        max(last_scanned_at) as last_scanned_at,
        max(known_at) as known_at,
        count(*) over (partition by order_key) as order_parcel_count
    from named
    group by order_key, parcel_no
),

weights as (
    select
        lines.order_key,
        sum(lines.quantity * coalesce(products.weight_kg, {{ var('default_unit_weight_kg') }})) as weight_kg,
        bool_and(products.weight_kg is not null) as is_weight_known
    from {{ ref('fct_order_lines') }} as lines
    left join {{ ref('dim_products') }} as products
        on lines.business = products.business and lines.sku = products.sku
    where lines.is_product and lines.quantity > 0
    group by lines.order_key
),

origins as (
    select
        sites.business,
        sites.site,
        sites.province,
        coalesce(sites.latitude, locations.latitude) as latitude,
        coalesce(sites.longitude, locations.longitude) as longitude
    from {{ ref('dim_sites') }} as sites
    left join {{ ref('province_locations') }} as locations on sites.province = locations.province
),

placed as (
    select
        parcels.*,
        orders.channel,
        orders.province,
        order_sites.site,
        origins.province as origin_province,
        cast(
            coalesce(weights.weight_kg, {{ var('default_unit_weight_kg') }}) / parcels.order_parcel_count
            as decimal(18, 6)
        ) as weight_kg,
        coalesce(weights.is_weight_known, false) as is_weight_known,
        case
            when origins.latitude is not null and destinations.latitude is not null
                then cast(
                    greatest(
                        {{ great_circle_km(
                            'origins.latitude', 'origins.longitude', 'destinations.latitude', 'destinations.longitude'
                        ) }},
                        {{ var('minimum_parcel_km') }}
                    ) as decimal(9, 1)
                )
        end as distance_km
    from parcels
    left join {{ ref('fct_orders') }} as orders on parcels.order_key = orders.order_key
    left join weights on parcels.order_key = weights.order_key
    left join {{ ref('int_order_sites') }} as order_sites on parcels.order_key = order_sites.order_key
    left join origins on parcels.business = origins.business and order_sites.site = origins.site
    left join {{ ref('province_locations') }} as destinations on orders.province = destinations.province
),

classed as (
    select
        placed.*,
        distance_classes.distance_class,
        case
            {%- for bound in weight_classes %}
            when placed.weight_kg <= {{ bound }} then 'up to {{ bound }} kg'
            {%- endfor %}
            else 'over {{ weight_classes[-1] }} kg'
        end as weight_class,
        clock.as_of,
        clock.as_of_date,
        coalesce({{ business_date('placed.shipped_at') }}, clock.as_of_date) as priced_on
    from placed
    inner join {{ ref('int_business_clock') }} as clock on placed.business = clock.business
    left join {{ ref('distance_classes') }} as distance_classes
        on
            placed.distance_km >= distance_classes.from_km
            and placed.distance_km < coalesce(distance_classes.to_km, placed.distance_km + 1)
),

served as (
    select
        classed.*,
        services.service,
        services.transport_mode,
        services.alternative_mode,
        services.promised_days
    from classed
    left join {{ ref('carrier_services') }} as services
        on
            classed.distance_class = services.distance_class
            and services.carrier in (classed.carrier, '*')
            and services.service = 'standard'
            and classed.priced_on >= services.valid_from
    qualify row_number() over (
        partition by classed.order_key, classed.parcel_no
        order by (services.carrier = '*') asc, services.valid_from desc
    ) = 1
),

promised as (
    select
        *,
        coalesce(
            told_promised_at,
            case
                when shipped_at is not null
                    then {{ end_of_business_date('priced_on + cast(promised_days as integer)') }}
            end
        ) as promised_at,
        case
            when told_promised_at is not null then 'told'
            when shipped_at is not null and promised_days is not null then 'service'
            else 'none'
        end as promise_basis,
        coalesce(last_scanned_at, shipped_at) as last_seen_at,
        case
            when shipment_status = 'exception' then 'exception'
            when last_scanned_at is null then 'untracked'
            else shipment_status
        end as stage
    from served
),

limited as (
    select
        promised.*,
        limits.limit_hours
    from promised
    left join {{ ref('stuck_parcel_limits') }} as limits
        on
            promised.stage = limits.stage
            and limits.carrier in (promised.carrier, '*')
            and promised.as_of_date >= limits.valid_from
    qualify row_number() over (
        partition by promised.order_key, promised.parcel_no
        order by (limits.carrier = '*') asc, limits.valid_from desc
    ) = 1
)

select
    order_key || ':' || parcel_no as parcel_performance_key,
    order_key,
    parcel_no,
    business,
    channel,
    carrier,
    coalesce(service, 'standard') as service,
    site,
    origin_province,
    province,
    distance_km,
    distance_class,
    transport_mode,
    alternative_mode,
    weight_kg,
    is_weight_known,
    weight_class,
    shipment_status,
    shipped_at,
    {{ business_date('shipped_at') }} as shipped_on,
    promised_at,
    promise_basis,
    delivered_at,
    last_seen_at,
    stage,
    limit_hours,
    coalesce(
        shipment_status not in ('delivered', 'returned')
        and shipped_at is not null
        and as_of > {{ hours_later('last_seen_at', 'limit_hours') }},
        false
    ) as is_stuck,
    case
        when shipment_status = 'returned' then 'returned'
        when shipped_at is null then 'not_shipped'
        when delivered_at is not null and promised_at is null then 'delivered'
        when delivered_at is not null and delivered_at <= promised_at then 'in_time'
        when delivered_at is not null then 'late'
        when promised_at < as_of then 'overdue'
        else 'open'
    end as outcome,
    case
        when delivered_at > shipped_at
            then cast({{ whole_minutes_between('shipped_at', 'delivered_at') }} as bigint)
    end as transit_minutes,
    case
        when shipment_status != 'returned' and coalesce(delivered_at, as_of) > promised_at
            then cast({{ whole_minutes_between('promised_at', 'coalesce(delivered_at, as_of)') }} as bigint)
        else 0
    end as late_minutes,
    known_at
from limited
