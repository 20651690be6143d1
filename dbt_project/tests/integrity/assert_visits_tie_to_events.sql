{{ config(enabled=source_is_enabled('ga4'), meta={'dagster': {'ref': {'name': 'fct_visits'}}}) }}

-- Every event that counts and has a session is in exactly one visit.
with told as (
    select count(*) as event_count
    from {{ ref('int_ga4__events') }}
    where visit_no is not null
),

counted as (
    select coalesce(sum(event_count), 0) as event_count
    from {{ ref('fct_visits') }}
    where source = 'ga4'
)

select
    told.event_count as events_told,
    counted.event_count as events_in_visits
from told
cross join counted
where told.event_count != counted.event_count
