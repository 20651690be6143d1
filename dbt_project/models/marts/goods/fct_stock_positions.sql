-- Where several sources of a business count the same article on the same site and day, the count received last
-- holds: adding them up would count the goods twice.
select
    business,
    source,
    business_date,
    site,
    sku,
    on_hand,
    reserved,
    coalesce(outbound, 0) as outbound,
    inbound,
    {{ available_to_sell('on_hand', 'reserved', 'coalesce(outbound, 0)') }} as available_to_sell,
    known_at
from {{ ref('int_stock_unioned') }}
qualify row_number() over (partition by business, business_date, site, sku order by known_at desc, source asc) = 1
