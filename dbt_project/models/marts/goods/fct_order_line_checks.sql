-- Who paid first is served first, out of what is on hand: reservations are the open lines themselves, so they are not
-- taken off a second time. Lines queue at the site that serves their channel and province, by where its orders left
-- from; what that site lacks comes from what other sites have to spare, then from what is on its way in.
with fullest_sites as (
    select
        business,
        sku,
        site
    from {{ ref('fct_stock_availability') }}
    qualify row_number() over (partition by business, sku order by on_hand - outbound desc, site asc) = 1
),

stock as (
    select
        business,
        site,
        sku,
        greatest(on_hand - outbound, 0) as quantity
    from {{ ref('fct_stock_availability') }}
),

open_lines as (
    select
        orders.business,
        orders.order_key,
        lines.line_no,
        lines.sku,
        coalesce(serving_sites.site, channel_sites.site, fullest_sites.site) as site,
        coalesce(orders.paid_at, orders.created_at) as demanded_at,
        lines.quantity
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('fct_order_lines') }} as lines on orders.order_key = lines.order_key
    left join {{ ref('int_serving_sites') }} as serving_sites
        on
            orders.business = serving_sites.business
            and orders.channel = serving_sites.channel
            and coalesce(orders.province, '-') = serving_sites.province
    left join {{ ref('int_serving_sites') }} as channel_sites
        on
            orders.business = channel_sites.business
            and orders.channel = channel_sites.channel
            and channel_sites.province = '*'
    left join fullest_sites on orders.business = fullest_sites.business and lines.sku = fullest_sites.sku
    where
        orders.order_type in ('sale', 'sample', 'wholesale')
        and orders.order_status in ('paid', 'allocated')
        and orders.shipped_at is null
        and lines.is_product
        and lines.quantity > 0
        -- An article that nobody ever counted is not judged: nothing is known of its stock.
        and fullest_sites.sku is not null
),

queued as (
    select
        open_lines.*,
        coalesce(stock.quantity, 0) as site_quantity,
        coalesce(sum(open_lines.quantity) over (
            partition by open_lines.business, open_lines.site, open_lines.sku
            order by open_lines.demanded_at, open_lines.order_key, open_lines.line_no
            rows between unbounded preceding and 1 preceding
        ), 0) as demanded_before
    from open_lines
    left join stock
        on
            open_lines.business = stock.business
            and open_lines.site = stock.site
            and open_lines.sku = stock.sku
),

served_here as (
    select
        *,
        least(quantity, greatest(site_quantity - demanded_before, 0)) as reserved_quantity
    from queued
),

demanded as (
    select
        business,
        site,
        sku,
        sum(quantity) as quantity
    from open_lines
    group by business, site, sku
),

spare as (
    select
        stock.business,
        stock.sku,
        sum(greatest(stock.quantity - coalesce(demanded.quantity, 0), 0)) as quantity
    from stock
    left join demanded
        on stock.business = demanded.business and stock.site = demanded.site and stock.sku = demanded.sku
    group by stock.business, stock.sku
),

short as (
    select
        served_here.*,
        coalesce(spare.quantity, 0) as spare_quantity,
        coalesce(sum(served_here.quantity - served_here.reserved_quantity) over (
            partition by served_here.business, served_here.sku
            order by served_here.demanded_at, served_here.order_key, served_here.line_no
            rows between unbounded preceding and 1 preceding
        ), 0) as short_before
    from served_here
    left join spare on served_here.business = spare.business and served_here.sku = spare.sku
),

transferred as (
    select
        *,
        least(quantity - reserved_quantity, greatest(spare_quantity - short_before, 0)) as transfer_quantity
    from short
),

waiting as (
    select
        *,
        quantity - reserved_quantity - transfer_quantity as waiting_quantity,
        sum(quantity - reserved_quantity - transfer_quantity) over (
            partition by business, sku order by demanded_at, order_key, line_no
            rows between unbounded preceding and current row
        ) as waiting_so_far
    from transferred
),

arriving as (
    select
        business,
        sku,
        available_on,
        sum(sum(purchase_quantity + other_inbound_quantity)) over (
            partition by business, sku order by available_on rows between unbounded preceding and current row
        ) as arrived_quantity
    from {{ ref('fct_available_to_promise') }}
    group by business, sku, available_on
),

arrivals as (
    select
        waiting.order_key,
        waiting.line_no,
        min(arriving.available_on) as available_on
    from waiting
    inner join arriving
        on
            waiting.business = arriving.business
            and waiting.sku = arriving.sku
            and waiting.waiting_so_far <= arriving.arrived_quantity
    where waiting.waiting_quantity > 0
    group by waiting.order_key, waiting.line_no
)

select
    waiting.order_key,
    waiting.line_no,
    waiting.business,
    waiting.site,
    waiting.sku,
    waiting.demanded_at,
    waiting.quantity,
    cast(waiting.reserved_quantity as bigint) as reserved_quantity,
    cast(waiting.transfer_quantity as bigint) as transfer_quantity,
    cast(waiting.waiting_quantity as bigint) as waiting_quantity,
    case
        when waiting.waiting_quantity > 0 and arrivals.available_on is null then 'decline'
        when waiting.waiting_quantity > 0 then 'backorder'
        when waiting.transfer_quantity > 0 then 'transfer'
        else 'reserve'
    end as decision,
    case
        when waiting.waiting_quantity > 0 and arrivals.available_on is null then 'no_known_supply'
        when waiting.waiting_quantity > 0 then 'inbound_expected'
        when waiting.transfer_quantity > 0 then 'on_hand_at_other_site'
        else 'on_hand_at_site'
    end as reason,
    case
        when waiting.waiting_quantity > 0 then arrivals.available_on
        when waiting.transfer_quantity > 0 then clock.as_of_date + {{ var('transfer_days') }}
        else clock.as_of_date
    end as promised_ship_on
from waiting
inner join {{ ref('int_business_clock') }} as clock on waiting.business = clock.business
left join arrivals on waiting.order_key = arrivals.order_key and waiting.line_no = arrivals.line_no
