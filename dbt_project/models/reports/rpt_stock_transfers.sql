-- Each article's short sites queue by what they lack, those with a surplus by what they have to spare; both queues are
-- intervals of units, and where two intervals overlap, that much goes from one to the other. Whole units only.
with short as (
    select
        business,
        site,
        sku,
        sold_quantity,
        short_quantity,
        sum(short_quantity) over (partition by business, sku order by short_quantity desc, site asc) as upper_end
    from {{ ref('rpt_stock_matrix') }}
    where short_quantity > 0
),

surplus as (
    select
        business,
        site,
        sku,
        sold_quantity,
        surplus_quantity,
        sum(surplus_quantity) over (partition by business, sku order by surplus_quantity desc, site asc) as upper_end
    from {{ ref('rpt_stock_matrix') }}
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
    surplus.surplus_quantity,
    surplus.sold_quantity as from_sold_quantity,
    short.short_quantity,
    short.sold_quantity as to_sold_quantity
from short
inner join surplus
    on
        short.business = surplus.business
        and short.sku = surplus.sku
        and surplus.upper_end - surplus.surplus_quantity < short.upper_end
        and short.upper_end - short.short_quantity < surplus.upper_end
