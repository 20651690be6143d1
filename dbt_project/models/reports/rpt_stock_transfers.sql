-- Each article's short sites queue by what they lack, those with a surplus by what they have to spare; both queues are
-- intervals of units, and where two intervals overlap, that much goes from one to the other. Whole units only.
with paced as (
    select
        availability.business,
        availability.site,
        availability.sku,
        availability.available_to_sell,
        availability.inbound,
        coalesce(sum(-ledger.sale_quantity), 0) as sold_quantity
    from {{ ref('fct_stock_availability') }} as availability
    inner join {{ ref('int_business_clock') }} as clock on availability.business = clock.business
    left join {{ ref('fct_stock_ledger') }} as ledger
        on
            availability.business = ledger.business
            and availability.site = ledger.site
            and availability.sku = ledger.sku
            and ledger.business_date > clock.as_of_date - {{ var('transfer_pace_days') }}
    group by
        availability.business, availability.site, availability.sku, availability.available_to_sell,
        availability.inbound
),

judged as (
    select
        *,
        greatest(
            ceil(sold_quantity * {{ var('transfer_cover_days') }} / {{ var('transfer_pace_days') }})
            - greatest(available_to_sell, 0) - inbound,
            0
        ) as short_quantity,
        greatest(
            available_to_sell
            - ceil(sold_quantity * {{ var('transfer_surplus_days') }} / {{ var('transfer_pace_days') }}),
            0
        ) as surplus_quantity
    from paced
),

short as (
    select
        *,
        sum(short_quantity) over (partition by business, sku order by short_quantity desc, site asc) as upper_end
    from judged
    where short_quantity > 0
),

surplus as (
    select
        *,
        sum(surplus_quantity) over (partition by business, sku order by surplus_quantity desc, site asc) as upper_end
    from judged
    where surplus_quantity > 0
)

select
    short.business,
    short.sku,
    surplus.site as from_site,
    short.site as to_site,
    cast(
        least(short.upper_end, surplus.upper_end)
        - greatest(short.upper_end - short.short_quantity, surplus.upper_end - surplus.surplus_quantity)
        as bigint
    ) as transfer_quantity,
    cast(surplus.surplus_quantity as bigint) as surplus_quantity,
    cast(surplus.sold_quantity as decimal(18, 6)) as from_sold_quantity,
    cast(short.short_quantity as bigint) as short_quantity,
    cast(short.sold_quantity as decimal(18, 6)) as to_sold_quantity
from short
inner join surplus
    on
        short.business = surplus.business
        and short.sku = surplus.sku
        and surplus.upper_end - surplus.surplus_quantity < short.upper_end
        and short.upper_end - short.short_quantity < surplus.upper_end
