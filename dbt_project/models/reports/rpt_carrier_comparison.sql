-- Direct standardisation: what a carrier would have done with all parcels of the strata that it is compared in, at its
-- own rate in each, beside what all carriers did with them. A stratum is an origin, a distance class and a weight
-- class; a carrier is compared where it had at least `comparison_minimum_parcels`. Quotients of these sums, and only
-- these, are rates that are adjusted for the mix.
with strata as (
    select
        business,
        shipped_month,
        origin_province,
        distance_class,
        weight_class,
        currency_code,
        carrier,
        service,
        sum(judged_count) as judged_count,
        sum(in_time_count) as in_time_count,
        sum(delivered_count) as delivered_count,
        sum(transit_minutes) as transit_minutes,
        sum(priced_count) as priced_count,
        sum(freight_amount) as freight_amount
    from {{ ref('rpt_carrier_lanes') }}
    group by
        business, shipped_month, origin_province, distance_class, weight_class, currency_code, carrier, service
),

beside_all as (
    select
        *,
        sum(judged_count) over stratum as all_judged_count,
        sum(in_time_count) over stratum as all_in_time_count,
        sum(delivered_count) over stratum as all_delivered_count,
        sum(transit_minutes) over stratum as all_transit_minutes,
        sum(priced_count) over stratum as all_priced_count,
        sum(freight_amount) over stratum as all_freight_amount
    from strata
    window stratum as (
        partition by business, shipped_month, origin_province, distance_class, weight_class, currency_code
    )
)

select
    business,
    shipped_month,
    carrier,
    service,
    currency_code,
    cast(sum(judged_count) as bigint) as judged_count,
    cast(sum(in_time_count) as bigint) as in_time_count,
    cast(sum(case when judged_count >= {{ var('comparison_minimum_parcels') }} then 1 else 0 end) as bigint)
        as compared_stratum_count,
    cast(sum(case when judged_count >= {{ var('comparison_minimum_parcels') }} then judged_count else 0 end) as bigint)
        as compared_count,
    cast(coalesce(sum(
        case when judged_count >= {{ var('comparison_minimum_parcels') }} then all_judged_count end
    ), 0) as bigint) as standard_judged_count,
    cast(coalesce(sum(
        case
            when judged_count >= {{ var('comparison_minimum_parcels') }}
                then cast(all_judged_count as decimal(18, 6)) * in_time_count / judged_count
        end
    ), 0) as decimal(18, 6)) as standard_in_time_count,
    cast(coalesce(sum(
        case when judged_count >= {{ var('comparison_minimum_parcels') }} then all_in_time_count end
    ), 0) as decimal(18, 6)) as benchmark_in_time_count,
    cast(coalesce(sum(
        case when delivered_count >= {{ var('comparison_minimum_parcels') }} then all_delivered_count end
    ), 0) as bigint) as standard_delivered_count,
    cast(coalesce(sum(
        case
            when delivered_count >= {{ var('comparison_minimum_parcels') }}
                then cast(all_delivered_count as decimal(18, 6)) * transit_minutes / delivered_count
        end
    ), 0) as decimal(18, 6)) as standard_transit_minutes,
    cast(coalesce(sum(
        case when delivered_count >= {{ var('comparison_minimum_parcels') }} then all_transit_minutes end
    ), 0) as decimal(18, 6)) as benchmark_transit_minutes,
    cast(coalesce(sum(
        case when priced_count >= {{ var('comparison_minimum_parcels') }} then all_priced_count end
    ), 0) as bigint) as standard_priced_count,
    cast(coalesce(sum(
        case
            when priced_count >= {{ var('comparison_minimum_parcels') }}
                then cast(all_priced_count as decimal(18, 6)) * freight_amount / priced_count
        end
    ), 0) as decimal(18, 6)) as standard_freight_amount,
    cast(coalesce(sum(
        case when priced_count >= {{ var('comparison_minimum_parcels') }} then all_freight_amount end
    ), 0) as decimal(18, 6)) as benchmark_freight_amount
from beside_all
group by business, shipped_month, carrier, service, currency_code
