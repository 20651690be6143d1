{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'dim_sources'}}}) }}

-- Sources with records that seed `sources` does not list: each is a business of its own, so its orders share no
-- stock or demand with anybody. Or sources whose business seed `businesses` does not name. A warning, because one
-- source may well be a whole retailer.
select
    source,
    business,
    case when is_listed then 'businesses' else 'sources' end as add_it_to
from {{ ref('dim_sources') }}
where has_records and not (is_listed and is_business_listed)
