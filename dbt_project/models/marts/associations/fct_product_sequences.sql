-- B follows A when it is bought after the person's first purchase of A and within variable sequence_window_days; A
-- follows itself when it is bought again. Who has not followed yet and still can is no counterexample: confidence is
-- matured_follower_count of matured_buyer_count.
with items as (
    select * from {{ ref('fct_purchase_items') }}
    where is_person_counted
),

people as (
    select
        business,
        item_type,
        count(distinct person_key) as person_count
    from items
    group by business, item_type
),

-- Numbers instead of texts: what follows what is grouped by them.
bought as (
    select
        business,
        item_type,
        item,
        count(distinct person_key) as buyer_count,
        row_number() over (order by business, item_type, item) as item_number
    from items
    group by business, item_type, item
    having count(distinct person_key) >= {{ var('association_min_count') }}
),

purchases as (
    select distinct
        items.business,
        items.person_key,
        items.item_type,
        bought.item_number,
        items.created_at
    from items
    inner join bought
        on
            items.business = bought.business
            and items.item_type = bought.item_type
            and items.item = bought.item
),

numbered as (
    select
        *,
        lag(created_at) over (partition by business, person_key, item_number order by created_at) as earlier_at
    from purchases
),

firsts as (
    select
        numbered.business,
        numbered.person_key,
        numbered.item_type,
        numbered.item_number,
        numbered.created_at as first_at,
        {{ days_later('numbered.created_at', var('sequence_window_days')) }} as until_at,
        {{ days_later('numbered.created_at', var('sequence_window_days')) }} <= clock.as_of as is_matured
    from numbered
    inner join {{ ref('int_business_clock') }} as clock on numbered.business = clock.business
    where numbered.earlier_at is null
),

matured as (
    select
        item_number,
        count(*) filter (where is_matured) as matured_buyer_count
    from firsts
    group by item_number
),

-- The first purchase of B after A: the one before it, if any, is not after A.
followed as (
    select
        firsts.item_number as antecedent_number,
        later.item_number as consequent_number,
        count(*) as follower_count,
        count(*) filter (where firsts.is_matured) as matured_follower_count,
        sum({{ whole_days_between('firsts.first_at', 'later.created_at') }}) as total_lag_days
    from firsts
    inner join numbered as later
        on
            firsts.business = later.business
            and firsts.person_key = later.person_key
            and firsts.item_type = later.item_type
            and firsts.first_at < later.created_at
            and firsts.until_at >= later.created_at
            and firsts.first_at >= coalesce(later.earlier_at, firsts.first_at)
    group by firsts.item_number, later.item_number
    having count(*) >= {{ var('association_min_count') }}
)

select
    antecedents.business,
    antecedents.item_type,
    antecedents.item as antecedent_item,
    consequents.item as consequent_item,
    followed.follower_count,
    followed.matured_follower_count,
    antecedents.buyer_count,
    matured.matured_buyer_count,
    consequents.buyer_count as consequent_buyer_count,
    people.person_count,
    cast(followed.total_lag_days as bigint) as total_lag_days
from followed
inner join bought as antecedents on followed.antecedent_number = antecedents.item_number
inner join bought as consequents on followed.consequent_number = consequents.item_number
inner join matured on followed.antecedent_number = matured.item_number
inner join people on antecedents.business = people.business and antecedents.item_type = people.item_type
