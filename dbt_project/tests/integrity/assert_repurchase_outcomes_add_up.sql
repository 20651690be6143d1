{{ config(meta={'dagster': {'ref': {'name': 'rpt_repurchases'}}}) }}

-- Repurchased, open and lapsed are all people, in every window.
select *
from {{ ref('rpt_repurchases') }}
where
    repurchased_count + open_count + lapsed_count != person_count
    or matured_repurchased_count + lapsed_count != matured_count
