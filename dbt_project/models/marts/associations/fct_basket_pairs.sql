-- An article that is in too few baskets can't be in a pair of enough (Apriori), so rare ones go before the join.
with items as (
    select * from {{ ref('fct_purchase_items') }}
    where is_basket_counted
),

baskets as (
    select
        business,
        item_type,
        count(distinct order_key) as basket_count
    from items
    group by business, item_type
),

floors as (
    select
        business,
        item_type,
        basket_count,
        greatest(
            {{ var('association_min_count') }},
            basket_count * cast({{ var('association_min_support') }} as decimal(9, 6))
        ) as min_count
    from baskets
),

counted as (
    select
        items.business,
        items.item_type,
        items.item,
        floors.basket_count,
        floors.min_count,
        count(*) as item_count
    from items
    inner join floors on items.business = floors.business and items.item_type = floors.item_type
    group by items.business, items.item_type, items.item, floors.basket_count, floors.min_count
    having count(*) >= floors.min_count
),

-- Numbers instead of texts: millions of pairs are grouped by them.
frequent as (
    select
        *,
        row_number() over (order by business, item_type, item) as item_number
    from counted
),

kept as (
    select
        items.order_key,
        items.item_type,
        frequent.item_number
    from items
    inner join frequent
        on
            items.business = frequent.business
            and items.item_type = frequent.item_type
            and items.item = frequent.item
    where items.basket_item_count > 1
),

pairs as (
    select
        antecedent.item_number as first_number,
        consequent.item_number as second_number,
        count(*) as pair_count
    from kept as antecedent
    inner join kept as consequent
        on
            antecedent.order_key = consequent.order_key
            and antecedent.item_type = consequent.item_type
            and antecedent.item_number < consequent.item_number
    group by antecedent.item_number, consequent.item_number
),

directed as (
    select
        first_number as antecedent_number,
        second_number as consequent_number,
        pair_count
    from pairs
    union all
    select
        second_number as antecedent_number,
        first_number as consequent_number,
        pair_count
    from pairs
)

select
    antecedents.business,
    antecedents.item_type,
    antecedents.item as antecedent_item,
    consequents.item as consequent_item,
    directed.pair_count,
    antecedents.item_count as antecedent_count,
    consequents.item_count as consequent_count,
    antecedents.basket_count
from directed
inner join frequent as antecedents on directed.antecedent_number = antecedents.item_number
inner join frequent as consequents on directed.consequent_number = consequents.item_number
where directed.pair_count >= antecedents.min_count
