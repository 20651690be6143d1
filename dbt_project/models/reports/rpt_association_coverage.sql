with items as (
    select * from {{ ref('fct_purchase_items') }}
),

counted as (
    select
        business,
        item_type,
        'basket' as unit,
        case when is_basket_counted then 'counted' else 'too_many_items' end as outcome,
        count(distinct order_key) as unit_count,
        count(*) as item_count
    from items
    group by business, item_type, is_basket_counted
    union all
    select
        business,
        item_type,
        'person' as unit,
        case
            when person_key is null then 'unknown_person'
            when is_person_counted then 'counted'
            else 'too_many_items'
        end as outcome,
        count(distinct coalesce(person_key, order_key)) as unit_count,
        count(*) as item_count
    from items
    group by business, item_type, person_key is null, is_person_counted
)

select * from counted
