{{ config(meta={'dagster': {'ref': {'name': 'fct_basket_pairs'}}}) }}

-- No pair is in more baskets than either item, no item in more than all; no more people follow than bought.
select
    'basket' as unit,
    business,
    antecedent_item,
    consequent_item
from {{ ref('fct_basket_pairs') }}
where
    pair_count > least(antecedent_count, consequent_count)
    or greatest(antecedent_count, consequent_count) > basket_count
union all
select
    'person' as unit,
    business,
    antecedent_item,
    consequent_item
from {{ ref('fct_product_sequences') }}
where
    matured_follower_count > least(follower_count, matured_buyer_count)
    or matured_buyer_count > buyer_count
    or greatest(follower_count, buyer_count, consequent_buyer_count) > person_count
