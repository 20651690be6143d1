-- The newest count of every article at every site, beside what is promised for later. A count older than its site's
-- newest one may be of an article that the newest count no longer lists.
with newest as (
    select
        *,
        max(business_date) over (partition by business, site) as site_counted_on
    from {{ ref('fct_stock_positions') }}
    qualify row_number() over (partition by business, site, sku order by business_date desc) = 1
),

promised as (
    select
        business,
        site,
        sku,
        sum(purchase_quantity) as purchase_quantity,
        sum(other_inbound_quantity) as other_inbound_quantity,
        min(case when available_to_promise >= 1 then available_on end) as first_available_on,
        min(case when purchase_quantity + other_inbound_quantity > 0 then available_on end) as next_arrival_on
    from {{ ref('fct_available_to_promise') }}
    group by business, site, sku
)

select
    promised.business,
    promised.site,
    promised.sku,
    newest.business_date as counted_on,
    coalesce(newest.business_date < newest.site_counted_on, false) as is_older_than_site,
    coalesce(newest.on_hand, 0) as on_hand,
    coalesce(newest.reserved, 0) as reserved,
    coalesce(newest.outbound, 0) as outbound,
    coalesce(newest.inbound, 0) as inbound,
    coalesce(newest.available_to_sell, 0) as available_to_sell,
    cast(promised.purchase_quantity as decimal(18, 6)) as purchase_quantity,
    cast(promised.other_inbound_quantity as decimal(18, 6)) as other_inbound_quantity,
    cast(
        {{ available_to_promise(
            'coalesce(newest.on_hand, 0)', 'coalesce(newest.reserved, 0)', 'coalesce(newest.outbound, 0)',
            'promised.purchase_quantity + promised.other_inbound_quantity'
        ) }} as decimal(18, 6)
    ) as available_to_promise,
    promised.first_available_on,
    promised.next_arrival_on
from promised
left join newest
    on promised.business = newest.business and promised.site = newest.site and promised.sku = newest.sku
