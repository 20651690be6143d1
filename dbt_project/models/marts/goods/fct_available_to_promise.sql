-- Supply by day: what may be sold now (below nothing where too much was sold), then what is on its way in, added on
-- the day it is promised for. An overdue purchase comes tomorrow at the earliest; what a count says is on its way and
-- no purchase explains comes after the article's lead time; without a date, nothing is promised.
with newest as (
    select *
    from {{ ref('fct_stock_positions') }}
    qualify row_number() over (partition by business, site, sku order by business_date desc) = 1
),

purchases as (
    select
        lines.business,
        coalesce(lines.site, 'unassigned') as site,
        lines.sku,
        greatest(
            coalesce(lines.promised_on, clock.as_of_date + cast(products.lead_time_days as integer)),
            clock.as_of_date + {{ var('overdue_arrival_days') }}
        ) as available_on,
        lines.promised_on is not null or products.lead_time_days is not null as is_dated,
        lines.open_quantity
    from {{ ref('fct_purchase_order_lines') }} as lines
    inner join {{ ref('int_business_clock') }} as clock on lines.business = clock.business
    left join {{ ref('dim_products') }} as products on lines.business = products.business and lines.sku = products.sku
    where lines.open_quantity > 0
),

purchased as (
    select
        business,
        site,
        sku,
        sum(open_quantity) as open_quantity
    from purchases
    group by business, site, sku
),

supplies as (
    select
        newest.business,
        newest.site,
        newest.sku,
        clock.as_of_date as available_on,
        newest.available_to_sell as on_hand_quantity,
        0 as purchase_quantity,
        0 as other_inbound_quantity
    from newest
    inner join {{ ref('int_business_clock') }} as clock on newest.business = clock.business
    union all
    select
        business,
        site,
        sku,
        available_on,
        0 as on_hand_quantity,
        open_quantity as purchase_quantity,
        0 as other_inbound_quantity
    from purchases
    where is_dated
    union all
    select
        newest.business,
        newest.site,
        newest.sku,
        clock.as_of_date + cast(products.lead_time_days as integer) as available_on,
        0 as on_hand_quantity,
        0 as purchase_quantity,
        newest.inbound - coalesce(purchased.open_quantity, 0) as other_inbound_quantity
    from newest
    inner join {{ ref('int_business_clock') }} as clock on newest.business = clock.business
    inner join {{ ref('dim_products') }} as products
        on newest.business = products.business and newest.sku = products.sku
    left join purchased
        on newest.business = purchased.business and newest.site = purchased.site and newest.sku = purchased.sku
    where products.lead_time_days is not null and newest.inbound > coalesce(purchased.open_quantity, 0)
),

per_day as (
    select
        business,
        site,
        sku,
        available_on,
        sum(on_hand_quantity) as on_hand_quantity,
        sum(purchase_quantity) as purchase_quantity,
        sum(other_inbound_quantity) as other_inbound_quantity
    from supplies
    group by business, site, sku, available_on
)

select
    business,
    site,
    sku,
    available_on,
    cast(on_hand_quantity as decimal(18, 6)) as on_hand_quantity,
    cast(purchase_quantity as decimal(18, 6)) as purchase_quantity,
    cast(other_inbound_quantity as decimal(18, 6)) as other_inbound_quantity,
    cast(sum(on_hand_quantity + purchase_quantity + other_inbound_quantity) over (
        partition by business, site, sku order by available_on
        rows between unbounded preceding and current row
    ) as decimal(18, 6)) as available_to_promise
from per_day
