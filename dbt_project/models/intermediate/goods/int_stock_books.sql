-- Two systems may book one site, the warehouse's and the ERP: adding them up would move the goods twice. The books
-- are those of the system whose count of the site is the newest; without a count, of the one that moved last.
with moved as (
    select
        business,
        site,
        source,
        max(moved_at) as last_moved_at
    from {{ ref('int_stock_movements_unioned') }}
    group by business, site, source
),

counted as (
    select
        business,
        site,
        source,
        max(business_date) as last_counted_on
    from {{ ref('int_stock_unioned') }}
    group by business, site, source
)

select
    moved.business,
    moved.site,
    moved.source,
    moved.last_moved_at,
    counted.last_counted_on
from moved
left join counted
    on moved.business = counted.business and moved.site = counted.site and moved.source = counted.source
qualify row_number() over (
    partition by moved.business, moved.site
    order by
        (counted.last_counted_on is null) asc,
        counted.last_counted_on desc,
        moved.last_moved_at desc,
        moved.source asc
) = 1
