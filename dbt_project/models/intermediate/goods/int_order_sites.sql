{{ config(materialized='table') }}

-- The site that an order left from is the one whose books name the order when its goods went out; of several, the one
-- that most units left from. An order of the movement's own source goes first, then the only one of the business.
with issues as (
    select
        movements.business,
        movements.source,
        movements.site,
        movements.reference,
        -movements.quantity as quantity
    from {{ ref('int_stock_movements_unioned') }} as movements
    inner join {{ ref('int_stock_books') }} as books
        on
            movements.business = books.business
            and movements.site = books.site
            and movements.source = books.source
    inner join {{ ref('stock_movement_type_map') }} as types
        on movements.source = types.source and lower(movements.source_type) = types.source_type
    where types.movement_type = 'sale' and movements.reference is not null and movements.quantity < 0
),

found as (
    select
        issues.business,
        coalesce(own_order.order_key, other_order.order_key) as order_key,
        issues.site,
        issues.quantity
    from issues
    left join {{ ref('int_orders_unioned') }} as own_order
        on {{ order_key('issues.source', 'issues.reference') }} = own_order.order_key
    left join {{ ref('int_order_numbers') }} as other_order
        on issues.business = other_order.business and issues.reference = other_order.order_no
),

per_site as (
    select
        business,
        order_key,
        site,
        sum(quantity) as unit_count
    from found
    where order_key is not null
    group by business, order_key, site
)

select
    business,
    order_key,
    site,
    cast(unit_count as decimal(18, 6)) as unit_count,
    count(*) over (partition by order_key) as site_count
from per_site
qualify row_number() over (partition by order_key order by unit_count desc, site asc) = 1
