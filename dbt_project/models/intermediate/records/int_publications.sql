{{ config(materialized='view') }}
{#- A lake that no run has published from yet has no published runs. -#}
{%- set recorded = source('decisions', 'published_runs') -%}
-- A publication has what was committed before it; a push waits in the inbox until its load.
with moments as (
    {%- if not execute or has_arrived(recorded) %}
    select
        finished_at as moment,
        finished_at as published_at,
        cast(null as timestamptz) as loaded_at
    from {{ recorded }}
    union all
    select
        inserted_at as moment,
        cast(null as timestamptz) as published_at,
        inserted_at as loaded_at
    from {{ source('bronze', '_dlt_loads') }}
    where status = 0 and inserted_at >= (select min(runs.started_at) from {{ recorded }} as runs)
    {%- else %}
    select
        cast(null as timestamptz) as moment,
        cast(null as timestamptz) as published_at,
        cast(null as timestamptz) as loaded_at
    where 1 = 0
    {%- endif %}
),

loaded as (
    select
        published_at,
        max(loaded_at) over (
            order by moment asc, published_at asc nulls first rows between unbounded preceding and current row
        ) as loaded_until
    from moments
)

select
    published_at,
    loaded_until
from loaded
where published_at is not null and loaded_until is not null
