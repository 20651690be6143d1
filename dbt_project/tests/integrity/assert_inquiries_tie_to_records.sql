{{ config(meta={'dagster': {'ref': {'name': 'fct_inquiries'}}}) }}

-- Every current record of an inquiry or a lead is one row of the mart, and no row is anything else.
with records as (
    select
        cast(null as varchar) as source,
        cast(null as bigint) as row_count
    where 1 = 0
    {%- for source_name in var('canonical_sources').inquiries if source_is_enabled(source_name) %}
    union all
    select
        '{{ source_name }}' as source,
        count(*) as row_count
    from {{ ref('int_' ~ source_name ~ '__' ~ source_name ~ '_classified') }}
    where is_current
    {%- endfor %}
),

inquiries as (
    select
        source,
        count(*) as row_count
    from {{ ref('fct_inquiries') }}
    group by source
)

select
    coalesce(records.source, inquiries.source) as source,
    coalesce(records.row_count, 0) as records,
    coalesce(inquiries.row_count, 0) as inquiries
from records
full outer join inquiries on records.source = inquiries.source
where coalesce(records.row_count, 0) != coalesce(inquiries.row_count, 0)
