-- A site is short of an article when what it may sell, and what is on its way, lasts less than `transfer_cover_days` at
-- the pace of `transfer_pace_days`; it has a surplus when what it may sell lasts longer than `transfer_surplus_days`.
with paced as (
    select
        availability.business,
        availability.site,
        availability.sku,
        coalesce(sum(-ledger.sale_quantity), 0) as sold_quantity
    from {{ ref('fct_stock_availability') }} as availability
    inner join {{ ref('int_business_clock') }} as clock on availability.business = clock.business
    left join {{ ref('fct_stock_ledger') }} as ledger
        on
            availability.business = ledger.business
            and availability.site = ledger.site
            and availability.sku = ledger.sku
            and ledger.business_date > clock.as_of_date - {{ var('transfer_pace_days') }}
    group by availability.business, availability.site, availability.sku
),

judged as (
    select
        availability.*,
        coalesce(paced.sold_quantity, 0) as sold_quantity,
        greatest(
            ceil(paced.sold_quantity * {{ var('transfer_cover_days') }} / {{ var('transfer_pace_days') }})
            - greatest(availability.available_to_sell, 0) - availability.inbound,
            0
        ) as short_quantity,
        greatest(
            availability.available_to_sell
            - ceil(paced.sold_quantity * {{ var('transfer_surplus_days') }} / {{ var('transfer_pace_days') }}),
            0
        ) as surplus_quantity
    from {{ ref('fct_stock_availability') }} as availability
    left join paced
        on
            availability.business = paced.business
            and availability.site = paced.site
            and availability.sku = paced.sku
)

select
    judged.business,
    judged.sku,
    judged.site,
    products.name,
    coalesce(products.category, 'unknown') as category,
    judged.counted_on,
    judged.on_hand,
    judged.reserved,
    judged.outbound,
    judged.inbound,
    judged.available_to_sell,
    judged.available_to_promise,
    judged.first_available_on,
    judged.next_arrival_on,
    cast(judged.on_hand * products.unit_cost as decimal(18, 2)) as stock_value,
    products.currency_code,
    cast(judged.sold_quantity as decimal(18, 6)) as sold_quantity,
    cast(coalesce(judged.short_quantity, 0) as bigint) as short_quantity,
    cast(coalesce(judged.surplus_quantity, 0) as bigint) as surplus_quantity,
    case
        when judged.available_to_sell < 0 then 'oversold'
        when judged.available_to_sell = 0 then 'out'
        when judged.short_quantity > 0 then 'short'
        when judged.sold_quantity <= 0 then 'idle'
        when judged.surplus_quantity > 0 then 'surplus'
        else 'enough'
    end as stock_state,
    cast(
        judged.available_to_sell * {{ var('transfer_pace_days') }} / nullif(judged.sold_quantity, 0) as decimal(18, 1)
    ) as cover_days
from judged
left join {{ ref('dim_products') }} as products
    on judged.business = products.business and judged.sku = products.sku
