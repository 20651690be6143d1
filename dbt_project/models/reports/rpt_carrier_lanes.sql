select
    business,
    {{ month_of('shipped_on') }} as shipped_month,
    carrier,
    service,
    coalesce(origin_province, 'unknown') as origin_province,
    coalesce(province, 'unknown') as province,
    coalesce(distance_class, 'unknown') as distance_class,
    weight_class,
    count(*) as parcel_count,
    cast(sum(case when outcome in ('in_time', 'late', 'overdue') then 1 else 0 end) as bigint) as judged_count,
    cast(sum(case when outcome = 'in_time' then 1 else 0 end) as bigint) as in_time_count,
    cast(sum(case when outcome = 'late' then 1 else 0 end) as bigint) as late_count,
    cast(sum(case when outcome = 'overdue' then 1 else 0 end) as bigint) as overdue_count,
    cast(sum(case when outcome = 'returned' then 1 else 0 end) as bigint) as returned_count,
    cast(sum(case when is_stuck then 1 else 0 end) as bigint) as stuck_count,
    cast(sum(case when transit_minutes is not null then 1 else 0 end) as bigint) as delivered_count,
    cast(coalesce(sum(transit_minutes), 0) as bigint) as transit_minutes,
    cast(sum(late_minutes) as bigint) as late_minutes,
    count(freight_amount) as priced_count,
    cast(coalesce(sum(freight_amount), 0) as decimal(18, 2)) as freight_amount,
    coalesce(currency_code, 'XXX') as currency_code,
    cast(coalesce(sum(transport_kg_co2e), 0) as decimal(18, 6)) as transport_kg_co2e
from (
    select
        parcels.*,
        costs.freight_amount,
        costs.currency_code,
        costs.transport_kg_co2e
    from {{ ref('fct_parcel_performance') }} as parcels
    left join {{ ref('fct_parcel_costs') }} as costs
        on parcels.parcel_performance_key = costs.parcel_performance_key
    where parcels.shipped_at is not null
) as shipped
group by
    business, {{ month_of('shipped_on') }}, carrier, service,
    coalesce(origin_province, 'unknown'), coalesce(province, 'unknown'), coalesce(distance_class, 'unknown'),
    weight_class, coalesce(currency_code, 'XXX')
