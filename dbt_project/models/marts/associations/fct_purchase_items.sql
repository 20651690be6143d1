-- Of the last days of variable association_days. Articles without a category are in no category.
with lines as (
    select
        orders.business,
        orders.order_key,
        persons.person_key,
        orders.created_at,
        lines.sku,
        products.category
    from {{ ref('fct_order_lines') }} as lines
    inner join {{ ref('fct_orders') }} as orders on lines.order_key = orders.order_key
    inner join {{ ref('int_business_clock') }} as clock on orders.business = clock.business
    left join {{ ref('fct_person_orders') }} as persons on orders.order_key = persons.order_key
    left join {{ ref('dim_products') }} as products
        on lines.business = products.business and lines.sku = products.sku
    where
        {{ is_purchase('orders') }}
        and lines.is_product
        and lines.quantity > 0
        and orders.created_on > clock.as_of_date - {{ var('association_days') }}
),

items as (
    select distinct
        business,
        order_key,
        person_key,
        created_at,
        'sku' as item_type,
        sku as item
    from lines
    union all
    select distinct
        business,
        order_key,
        person_key,
        created_at,
        'category' as item_type,
        category as item
    from lines
    where category is not null
),

basket_sizes as (
    select
        order_key,
        item_type,
        count(*) as item_count
    from items
    group by order_key, item_type
),

person_sizes as (
    select
        business,
        person_key,
        item_type,
        count(distinct item) as item_count
    from items
    where person_key is not null
    group by business, person_key, item_type
)

select
    items.business,
    items.item_type,
    items.order_key,
    items.item,
    items.person_key,
    items.created_at,
    basket_sizes.item_count as basket_item_count,
    person_sizes.item_count as person_item_count,
    basket_sizes.item_count <= {{ var('basket_max_items') }} as is_basket_counted,
    coalesce(person_sizes.item_count <= {{ var('sequence_max_items') }}, false) as is_person_counted
from items
inner join basket_sizes on items.order_key = basket_sizes.order_key and items.item_type = basket_sizes.item_type
left join person_sizes
    on
        items.business = person_sizes.business
        and items.person_key = person_sizes.person_key
        and items.item_type = person_sizes.item_type
