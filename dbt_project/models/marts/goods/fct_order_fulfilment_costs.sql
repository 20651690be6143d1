-- Handling by the rates of the site and the day on which the order left, parcels as they were priced. An order of
-- which a parcel has no price has none either: what is known of it is in the parts.
with parcels as (
    select
        order_key,
        min(business) as business,
        min(site) as site,
        min(carrier) as carrier,
        min(shipped_on) as shipped_on,
        count(*) as parcel_count,
        count(freight_amount) as priced_parcel_count,
        sum(weight_kg) as weight_kg,
        sum(freight_amount) as freight_amount,
        sum(packaging_amount) as packaging_amount,
        min(currency_code) as currency_code,
        sum(transport_kg_co2e) as transport_kg_co2e,
        sum(packaging_kg_co2e) as packaging_kg_co2e,
        sum(alternative_saving_kg_co2e) as alternative_saving_kg_co2e
    from {{ ref('fct_parcel_costs') }}
    group by order_key
),

handled as (
    select
        parcels.*,
        orders.channel,
        orders.province,
        rates.order_amount + rates.line_amount * orders.line_count + rates.unit_amount * orders.unit_count
            as handling_amount
    from parcels
    inner join {{ ref('fct_orders') }} as orders on parcels.order_key = orders.order_key
    left join {{ ref('handling_rates') }} as rates
        on
            rates.site in (coalesce(parcels.site, '*'), '*')
            and parcels.shipped_on >= rates.valid_from
            and parcels.currency_code = rates.currency_code
    qualify row_number() over (
        partition by parcels.order_key order by (rates.site = '*') asc, rates.valid_from desc
    ) = 1
)

select
    order_key,
    business,
    channel,
    site,
    carrier,
    province,
    shipped_on,
    parcel_count,
    priced_parcel_count,
    cast(weight_kg as decimal(18, 6)) as weight_kg,
    cast(freight_amount as decimal(18, 2)) as freight_amount,
    cast(handling_amount as decimal(18, 2)) as handling_amount,
    cast(packaging_amount as decimal(18, 2)) as packaging_amount,
    case
        when parcel_count = priced_parcel_count
            then cast(
                cast(freight_amount as decimal(18, 2)) + cast(handling_amount as decimal(18, 2))
                + cast(packaging_amount as decimal(18, 2)) as decimal(18, 2)
            )
    end as fulfilment_amount,
    currency_code,
    cast(transport_kg_co2e as decimal(18, 6)) as transport_kg_co2e,
    cast(packaging_kg_co2e as decimal(18, 6)) as packaging_kg_co2e,
    cast(transport_kg_co2e + packaging_kg_co2e as decimal(18, 6)) as kg_co2e,
    cast(alternative_saving_kg_co2e as decimal(18, 6)) as alternative_saving_kg_co2e
from handled
