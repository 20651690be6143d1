-- First in, first out: what is left is what came last. Layers are laid newest first until they explain the stock, so
-- what left before needs no replay. A site's stock is its newest count, else what its books close with. Where nobody
-- tells movements, a day on which the count rose is a receipt. What was there before the first day is the oldest
-- layer, of unknown age: at least since that day. More goods than ever came are such a layer, too.
with newest_positions as (
    select
        business,
        site,
        sku,
        on_hand,
        business_date
    from {{ ref('fct_stock_positions') }}
    qualify row_number() over (partition by business, site, sku order by business_date desc) = 1
),

newest_books as (
    select
        business,
        site,
        sku,
        closing_quantity,
        business_date
    from {{ ref('fct_stock_ledger') }}
    qualify row_number() over (partition by business, site, sku order by business_date desc) = 1
),

stock as (
    select
        coalesce(newest_positions.business, newest_books.business) as business,
        coalesce(newest_positions.site, newest_books.site) as site,
        coalesce(newest_positions.sku, newest_books.sku) as sku,
        cast(coalesce(newest_positions.on_hand, newest_books.closing_quantity) as decimal(18, 6)) as quantity
    from newest_positions
    full outer join newest_books
        on
            newest_positions.business = newest_books.business
            and newest_positions.site = newest_books.site
            and newest_positions.sku = newest_books.sku
),

booked_inflows as (
    select
        business,
        site,
        sku,
        business_date as received_on,
        'received' as layer_type,
        greatest(receipt_quantity, 0) + customer_return_quantity + greatest(transfer_quantity, 0)
        + greatest(adjustment_quantity, 0) + greatest(production_quantity, 0) + greatest(other_quantity, 0)
            as quantity
    from {{ ref('fct_stock_ledger') }}
    union all
    select
        business,
        site,
        sku,
        business_date as received_on,
        'opening' as layer_type,
        opening_quantity as quantity
    from {{ ref('fct_stock_ledger') }}
    qualify row_number() over (partition by business, site, sku order by business_date asc) = 1
),

counted_days as (
    select
        positions.business,
        positions.site,
        positions.sku,
        positions.business_date,
        positions.on_hand,
        lag(positions.on_hand) over (
            partition by positions.business, positions.site, positions.sku order by positions.business_date
        ) as counted_before
    from {{ ref('fct_stock_positions') }} as positions
    left join {{ ref('int_stock_books') }} as books
        on positions.business = books.business and positions.site = books.site
    where books.site is null
),

counted_inflows as (
    select
        business,
        site,
        sku,
        business_date as received_on,
        case when counted_before is null then 'opening' else 'received' end as layer_type,
        on_hand - coalesce(counted_before, 0) as quantity
    from counted_days
),

inflows as (
    select *
    from booked_inflows
    where quantity > 0
    union all
    select *
    from counted_inflows
    where quantity > 0
),

laid as (
    select
        *,
        coalesce(sum(quantity) over (
            partition by business, site, sku
            order by received_on desc, layer_type desc rows between unbounded preceding and 1 preceding
        ), 0) as newer_quantity,
        sum(quantity) over (partition by business, site, sku) as all_quantity,
        min(received_on) over (partition by business, site, sku) as first_received_on,
        row_number() over (partition by business, site, sku order by received_on asc, layer_type asc) as place
    from inflows
),

layers as (
    select
        stock.business,
        stock.site,
        stock.sku,
        laid.received_on,
        laid.layer_type,
        laid.quantity as received_quantity,
        least(laid.quantity, stock.quantity - laid.newer_quantity) as remaining_quantity
    from stock
    inner join laid
        on stock.business = laid.business and stock.site = laid.site and stock.sku = laid.sku
    where stock.quantity > laid.newer_quantity
    union all
    select
        stock.business,
        stock.site,
        stock.sku,
        coalesce(laid.first_received_on, clock.as_of_date) as received_on,
        'unexplained' as layer_type,
        0 as received_quantity,
        stock.quantity - coalesce(laid.all_quantity, 0) as remaining_quantity
    from stock
    inner join {{ ref('int_business_clock') }} as clock on stock.business = clock.business
    left join laid
        on
            stock.business = laid.business
            and stock.site = laid.site
            and stock.sku = laid.sku
            and laid.place = 1
    where stock.quantity > coalesce(laid.all_quantity, 0)
),

aged as (
    select
        layers.*,
        clock.as_of_date,
        clock.as_of_date - layers.received_on as age_days
    from layers
    inner join {{ ref('int_business_clock') }} as clock on layers.business = clock.business
),

buckets as (
    select
        *,
        lead(valid_from) over (partition by age_bucket order by valid_from) as next_valid_from
    from {{ ref('stock_age_buckets') }}
)

select
    concat_ws(':', aged.business, aged.site, aged.sku, aged.layer_type, aged.received_on) as stock_layer_key,
    aged.business,
    aged.site,
    aged.sku,
    aged.received_on,
    aged.layer_type,
    cast(aged.age_days as bigint) as age_days,
    buckets.age_bucket,
    cast(aged.received_quantity as decimal(18, 6)) as received_quantity,
    cast(aged.remaining_quantity as decimal(18, 6)) as remaining_quantity,
    products.unit_cost,
    cast(aged.remaining_quantity * products.unit_cost as decimal(18, 2)) as remaining_value,
    cast(aged.remaining_quantity * products.unit_cost * buckets.risk_share as decimal(18, 2)) as value_at_risk,
    products.currency_code
from aged
left join buckets
    on
        aged.age_days >= buckets.from_days
        and aged.age_days <= coalesce(buckets.to_days, aged.age_days)
        and aged.as_of_date >= buckets.valid_from
        and aged.as_of_date < coalesce(buckets.next_valid_from, date '9999-12-31')
left join {{ ref('dim_products') }} as products on aged.business = products.business and aged.sku = products.sku
