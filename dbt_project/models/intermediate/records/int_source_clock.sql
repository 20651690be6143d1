{{ config(materialized='table') }}

select
    source,
    max(last_event_at) as as_of,
    {{ business_date('max(last_event_at)') }} as as_of_date
from {{ ref('int_records_counted') }}
where last_event_at is not null
group by source
