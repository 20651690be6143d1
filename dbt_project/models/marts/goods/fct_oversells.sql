-- An oversell lasts as long as counts on end show less to sell than nothing. Its cause is judged on its first day, by
-- what alone would have kept it from happening: a count that found less, a loss that nobody had booked, a purchase
-- that should have come; else several channels, or one, sold more of a shared pool than there was.
with counted as (
    select
        *,
        row_number() over (partition by business, site, sku order by business_date) as place
    from {{ ref('fct_stock_positions') }}
),

oversold as (
    select
        *,
        place - row_number() over (partition by business, site, sku order by business_date) as island
    from counted
    where available_to_sell < 0
),

incidents as (
    select
        business,
        site,
        sku,
        min(business_date) as started_on,
        max(business_date) as last_on,
        count(*) as day_count,
        max(-available_to_sell) as most_units,
        max(place) as last_place
    from oversold
    group by business, site, sku, island
),

measured as (
    select
        incidents.*,
        first_day.available_to_sell as first_available,
        last_day.available_to_sell as last_available
    from incidents
    inner join oversold as first_day
        on
            incidents.business = first_day.business
            and incidents.site = first_day.site
            and incidents.sku = first_day.sku
            and incidents.started_on = first_day.business_date
    inner join oversold as last_day
        on
            incidents.business = last_day.business
            and incidents.site = last_day.site
            and incidents.sku = last_day.sku
            and incidents.last_on = last_day.business_date
),

places as (
    select
        business,
        site,
        sku,
        max(place) as newest_place
    from counted
    group by business, site, sku
),

late_purchases as (
    select
        measured.business,
        measured.site,
        measured.sku,
        measured.started_on,
        sum(purchases.quantity) as quantity
    from measured
    inner join {{ ref('fct_purchase_order_lines') }} as purchases
        on
            measured.business = purchases.business
            and measured.site = purchases.site
            and measured.sku = purchases.sku
            and measured.started_on >= purchases.promised_on
    where
        purchases.purchase_order_status != 'cancelled'
        and coalesce({{ business_date('purchases.received_at') }} > measured.started_on, true)
        and (purchases.open_quantity > 0 or purchases.received_at is not null)
    group by measured.business, measured.site, measured.sku, measured.started_on
),

sold as (
    select
        measured.business,
        measured.site,
        measured.sku,
        measured.started_on,
        count(distinct orders.channel) as channel_count,
        sum(lines.quantity) as quantity
    from measured
    inner join {{ ref('fct_order_lines') }} as lines
        on
            measured.business = lines.business
            and measured.sku = lines.sku
            and lines.created_on between
            measured.started_on - {{ var('oversell_demand_days') }} and measured.started_on
    inner join {{ ref('fct_orders') }} as orders on lines.order_key = orders.order_key
    where orders.order_type = 'sale' and orders.paid_at is not null and lines.quantity > 0
    group by measured.business, measured.site, measured.sku, measured.started_on
)

select
    concat_ws(':', measured.business, measured.site, measured.sku, measured.started_on) as oversell_key,
    measured.business,
    measured.site,
    measured.sku,
    measured.started_on,
    measured.last_on,
    measured.last_place = places.newest_place as is_open,
    measured.day_count,
    measured.most_units as most_oversold_quantity,
    -measured.last_available as last_oversold_quantity,
    coalesce(sold.channel_count, 0) as channel_count,
    cast(coalesce(sold.quantity, 0) as bigint) as sold_quantity,
    case
        when measured.first_available - coalesce(ledger.adjustment_quantity, 0) >= 0 then 'stock_count'
        when measured.first_available + coalesce(ledger.difference_quantity, 0) >= 0 then 'unbooked_loss'
        when measured.first_available + coalesce(late_purchases.quantity, 0) >= 0 then 'late_purchase'
        when coalesce(sold.channel_count, 0) > 1 then 'shared_pool'
        when sold.channel_count = 1 then 'one_channel'
        else 'unknown'
    end as cause
from measured
inner join places
    on measured.business = places.business and measured.site = places.site and measured.sku = places.sku
left join {{ ref('fct_stock_ledger') }} as ledger
    on
        measured.business = ledger.business
        and measured.site = ledger.site
        and measured.sku = ledger.sku
        and measured.started_on = ledger.business_date
left join late_purchases
    on
        measured.business = late_purchases.business
        and measured.site = late_purchases.site
        and measured.sku = late_purchases.sku
        and measured.started_on = late_purchases.started_on
left join sold
    on
        measured.business = sold.business
        and measured.site = sold.site
        and measured.sku = sold.sku
        and measured.started_on = sold.started_on
