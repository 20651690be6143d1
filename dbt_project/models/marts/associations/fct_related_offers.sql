-- What else each recent buyer will probably want: of what follows their purchases more often than chance
-- (fct_product_sequences), the one that most buyers went on to buy and that they have not bought themselves. Confidence
-- is follower_count of buyer_count: people whose window is over where there are enough of them, else everybody so far,
-- which is too low rather than too high. From which confidence on somebody is offered it is the rule's business.
with associations as (
    select
        business,
        item_type,
        antecedent_item,
        consequent_item,
        case
            when matured_buyer_count >= {{ var('related_min_followers') }} then matured_follower_count
            else follower_count
        end as follower_count,
        case
            when matured_buyer_count >= {{ var('related_min_followers') }} then matured_buyer_count
            else buyer_count
        end as buyer_count,
        consequent_buyer_count,
        person_count,
        total_lag_days // follower_count as lag_days
    from {{ ref('fct_product_sequences') }}
    where antecedent_item <> consequent_item
),

-- The ten strongest of each item are enough: who has bought all of those is hardly in want of an eleventh.
related as (
    select *
    from associations
    where
        follower_count >= {{ var('related_min_followers') }}
        and follower_count * person_count
        >= cast({{ var('related_min_lift') }} as decimal(9, 4)) * buyer_count * consequent_buyer_count
    qualify
        row_number() over (
            partition by business, item_type, antecedent_item
            order by
                cast(follower_count as double) / buyer_count desc,
                follower_count desc,
                consequent_item asc
        ) <= 10
),

items as (
    select * from {{ ref('fct_purchase_items') }}
    where is_person_counted
),

-- The newest purchase of each item by each person.
bought as (
    select
        business,
        item_type,
        person_key,
        item,
        order_key,
        created_at,
        row_number() over (
            partition by business, item_type, person_key, item order by created_at desc, order_key desc
        ) as recency
    from items
),

newest as (
    select
        bought.*,
        clock.as_of
    from bought
    inner join {{ ref('int_business_clock') }} as clock on bought.business = clock.business
    where bought.recency = 1
),

ranked as (
    select
        newest.business,
        newest.item_type,
        newest.person_key,
        newest.order_key,
        newest.created_at,
        related.antecedent_item,
        related.consequent_item,
        related.follower_count,
        related.buyer_count,
        related.consequent_buyer_count,
        related.person_count,
        related.lag_days,
        row_number() over (
            partition by newest.business, newest.item_type, newest.person_key
            order by
                cast(related.follower_count as double) / related.buyer_count desc,
                related.follower_count desc,
                related.consequent_item asc,
                related.antecedent_item asc
        ) as place
    from newest
    inner join related
        on
            newest.business = related.business
            and newest.item_type = related.item_type
            and newest.item = related.antecedent_item
    left join newest as own
        on
            newest.business = own.business
            and newest.item_type = own.item_type
            and newest.person_key = own.person_key
            and related.consequent_item = own.item
            and {{ days_later('own.created_at', var('related_rest_days')) }} > own.as_of
    where
        own.item is null
        and {{ days_later('newest.created_at', var('related_purchase_days')) }} > newest.as_of
)

select
    ranked.business,
    ranked.item_type,
    ranked.person_key,
    orders.customer_key,
    orders.channel,
    ranked.order_key,
    orders.order_no,
    ranked.created_at as purchased_at,
    ranked.antecedent_item as bought_item,
    ranked.consequent_item as offered_item,
    ranked.follower_count,
    ranked.buyer_count,
    ranked.consequent_buyer_count,
    ranked.person_count,
    ranked.lag_days
from ranked
inner join {{ ref('fct_orders') }} as orders on ranked.order_key = orders.order_key
where ranked.place = 1
