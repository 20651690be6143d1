{{ config(enabled=source_is_enabled('odoo')) }}

-- Odoo deletes an empty quant, so only a whole count tells the stock: the last one of each day, added up over the
-- locations of a warehouse. What is on its way is what was ordered from suppliers and has not come, as far as it is
-- known now: it stands in the newest count.
with counts as (
    select
        *,
        {{ business_date('counted_at') }} as business_date
    from {{ ref('int_odoo__stock_classified') }}
    where disposition = 'used'
),

last_counts as (
    select *
    from counts
    qualify counted_at = max(counted_at) over (partition by account, business_date)
),

skus as (
    select
        account,
        product_id,
        sku
    from {{ ref('int_odoo__products_classified') }}
    where is_current and sku is not null
),

on_hand as (
    select
        last_counts.business_date,
        coalesce(last_counts.warehouse, last_counts.location) as site,
        skus.sku,
        sum(last_counts.on_hand) as on_hand,
        sum(coalesce(last_counts.reserved, 0)) as reserved,
        max(last_counts.received_at) as known_at
    from last_counts
    inner join skus on last_counts.account = skus.account and last_counts.product_id = skus.product_id
    group by last_counts.business_date, coalesce(last_counts.warehouse, last_counts.location), skus.sku
),

on_the_way as (
    select
        split_part(orders.operation, ':', 1) as site,
        skus.sku,
        sum(greatest(lines.quantity - coalesce(lines.received_quantity, 0), 0)) as inbound
    from {{ ref('int_odoo__purchase_order_lines_classified') }} as lines
    inner join {{ ref('int_odoo__purchase_orders_classified') }} as orders
        on lines.account = orders.account and lines.order_id = orders.order_id and orders.is_current
    inner join skus on lines.account = skus.account and lines.product_id = skus.product_id
    where lines.is_current and orders.status in ('purchase', 'done')
    group by split_part(orders.operation, ':', 1), skus.sku
),

newest as (
    select max(business_date) as business_date
    from counts
),

known as (
    select max(received_at) as known_at
    from counts
),

positions as (
    select
        on_hand.business_date,
        on_hand.site,
        on_hand.sku,
        on_hand.on_hand,
        on_hand.reserved,
        on_hand.known_at
    from on_hand
    union all
    select
        newest.business_date,
        on_the_way.site,
        on_the_way.sku,
        0 as on_hand,
        0 as reserved,
        known.known_at
    from on_the_way
    cross join newest
    cross join known
    where on_the_way.inbound > 0 and newest.business_date is not null
)

select
    'odoo' as source,
    positions.business_date,
    positions.site,
    positions.sku,
    cast(floor(sum(positions.on_hand)) as bigint) as on_hand,
    cast(ceil(sum(positions.reserved)) as bigint) as reserved,
    -- What Odoo has picked for a transfer is reserved at the site that it leaves.
    0 as outbound,
    cast(floor(max(coalesce(on_the_way.inbound, 0))) as bigint) as inbound,
    max(positions.known_at) as known_at
from positions
left join newest on positions.business_date = newest.business_date
left join on_the_way
    on newest.business_date is not null and positions.site = on_the_way.site and positions.sku = on_the_way.sku
group by positions.business_date, positions.site, positions.sku
