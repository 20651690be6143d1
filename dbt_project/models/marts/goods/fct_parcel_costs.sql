-- Freight by the tariff of the day of shipping: the first weight, then every further step that is begun, for the whole
-- parcel; orders that share one share the price by weight. Carbon is weight by distance by the mode's factor, and the
-- packaging's. A parcel whose way nobody knows has no freight and no transport carbon: null, never zero.
with shipped as (
    select
        *,
        sum(weight_kg) over (partition by business, parcel_no) as parcel_weight_kg,
        sum(weight_kg) over (
            partition by business, parcel_no order by order_key rows between unbounded preceding and current row
        ) as weight_so_far_kg,
        count(*) over (partition by business, parcel_no) as parcel_order_count,
        row_number() over (partition by business, parcel_no order by order_key) as parcel_order_number
    from {{ ref('fct_parcel_performance') }}
    where shipped_at is not null
),

priced as (
    select
        shipped.*,
        tariffs.first_amount
        + tariffs.step_amount * cast(
            ceil(greatest(shipped.parcel_weight_kg - tariffs.first_weight_kg, 0) / tariffs.step_weight_kg) as bigint
        ) as parcel_freight_amount,
        tariffs.currency_code as freight_currency_code
    from shipped
    left join {{ ref('freight_tariffs') }} as tariffs
        on
            tariffs.carrier in (shipped.carrier, '*')
            and shipped.service = tariffs.service
            and shipped.distance_class = tariffs.distance_class
            and shipped.shipped_on >= tariffs.valid_from
    qualify row_number() over (
        partition by shipped.parcel_performance_key
        order by (tariffs.carrier = '*') asc, tariffs.valid_from desc
    ) = 1
),

packed as (
    select
        priced.*,
        rates.parcel_packaging_amount,
        rates.parcel_packaging_kg,
        rates.currency_code as packaging_currency_code
    from priced
    left join {{ ref('handling_rates') }} as rates
        on
            rates.site in (coalesce(priced.site, '*'), '*')
            and priced.shipped_on >= rates.valid_from
    qualify row_number() over (
        partition by priced.parcel_performance_key
        order by (rates.site = '*') asc, rates.valid_from desc
    ) = 1
),

factors as (
    select
        activity,
        kg_co2e,
        factor_version,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by activity order by valid_from), date '9999-12-31'
        ) as next_valid_from
    from {{ ref('emission_factors') }}
),

emitted as (
    select
        packed.*,
        cast(packed.parcel_freight_amount as decimal(18, 2)) as whole_freight_amount,
        cast(round(packed.weight_so_far_kg * 1000) as bigint) as grams_so_far,
        cast(round((packed.weight_so_far_kg - packed.weight_kg) * 1000) as bigint) as grams_before,
        cast(round(packed.parcel_weight_kg * 1000) as bigint) as parcel_grams,
        mode_factors.kg_co2e as mode_factor,
        mode_factors.factor_version as mode_factor_version,
        other_factors.kg_co2e as alternative_factor,
        packaging_factors.kg_co2e as packaging_factor,
        packaging_factors.factor_version as packaging_factor_version
    from packed
    left join factors as mode_factors
        on
            packed.transport_mode = mode_factors.activity
            and packed.shipped_on >= mode_factors.valid_from
            and packed.shipped_on < mode_factors.next_valid_from
    left join factors as other_factors
        on
            packed.alternative_mode = other_factors.activity
            and packed.shipped_on >= other_factors.valid_from
            and packed.shipped_on < other_factors.next_valid_from
    left join factors as packaging_factors
        on
            packaging_factors.activity = 'packaging'
            and packed.shipped_on >= packaging_factors.valid_from
            and packed.shipped_on < packaging_factors.next_valid_from
)

select
    parcel_performance_key,
    order_key,
    parcel_no,
    business,
    carrier,
    site,
    distance_class,
    transport_mode,
    alternative_mode,
    shipped_on,
    weight_kg,
    distance_km,
    cast(
        {{ running_share('whole_freight_amount', 'grams_so_far', 'parcel_grams') }}
        - {{ running_share('whole_freight_amount', 'grams_before', 'parcel_grams') }} as decimal(18, 2)
    ) as freight_amount,
    cast(parcel_packaging_amount / parcel_order_count as decimal(18, 6)) as packaging_amount,
    coalesce(freight_currency_code, packaging_currency_code) as currency_code,
    cast(weight_kg / 1000 * distance_km * mode_factor as decimal(18, 6)) as transport_kg_co2e,
    cast(parcel_packaging_kg / parcel_order_count * packaging_factor as decimal(18, 6)) as packaging_kg_co2e,
    case
        when mode_factor >= alternative_factor
            then cast(weight_kg / 1000 * distance_km * (mode_factor - alternative_factor) as decimal(18, 6))
        when alternative_factor is not null then cast(0 as decimal(18, 6))
    end as alternative_saving_kg_co2e,
    mode_factor_version,
    packaging_factor_version
from emitted
