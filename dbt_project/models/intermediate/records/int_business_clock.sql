{{ config(materialized='table') }}

with clocks as (
    select
        clock.as_of,
        clock.as_of_date,
        {{ business_of('clock.source', 'sources') }} as business
    from {{ ref('int_source_clock') }} as clock
    left join {{ ref('sources') }} as sources on clock.source = sources.source
)

select
    business,
    max(as_of) as as_of,
    max(as_of_date) as as_of_date
from clocks
group by business
