select
    business,
    {{ month_of('shipped_on') }} as shipped_month,
    coalesce(site, 'unknown') as site,
    carrier,
    coalesce(channel, 'unknown') as channel,
    coalesce(currency_code, 'XXX') as currency_code,
    count(*) as order_count,
    count(fulfilment_amount) as priced_order_count,
    cast(sum(parcel_count) as bigint) as parcel_count,
    cast(sum(weight_kg) as decimal(18, 6)) as weight_kg,
    cast(coalesce(sum(case when fulfilment_amount is not null then freight_amount end), 0) as decimal(18, 2))
        as freight_amount,
    cast(coalesce(sum(case when fulfilment_amount is not null then handling_amount end), 0) as decimal(18, 2))
        as handling_amount,
    cast(coalesce(sum(case when fulfilment_amount is not null then packaging_amount end), 0) as decimal(18, 2))
        as packaging_amount,
    cast(coalesce(sum(fulfilment_amount), 0) as decimal(18, 2)) as fulfilment_amount,
    count(kg_co2e) as measured_order_count,
    cast(coalesce(sum(kg_co2e), 0) as decimal(18, 6)) as kg_co2e,
    cast(coalesce(sum(alternative_saving_kg_co2e), 0) as decimal(18, 6)) as alternative_saving_kg_co2e
from {{ ref('fct_order_fulfilment_costs') }}
group by
    business, {{ month_of('shipped_on') }}, coalesce(site, 'unknown'), carrier,
    coalesce(channel, 'unknown'), coalesce(currency_code, 'XXX')
