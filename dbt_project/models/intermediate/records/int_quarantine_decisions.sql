{{ config(materialized='view') }}
{#- A lake that no run has written to yet has no decisions. -#}
{%- set recorded = source('decisions', 'quarantine_decisions') -%}
{%- if not execute or has_arrived(recorded) %}
with ranked as (
    select
        *,
        row_number() over (partition by source, entity, source_id order by decision_id desc) as newest_first
    from {{ recorded }}
)

select
    source,
    entity,
    source_id,
    event,
    decided_by,
    decided_at,
    reason
from ranked
where newest_first = 1
{%- else %}
select
    cast(null as varchar) as source,
    cast(null as varchar) as entity,
    cast(null as varchar) as source_id,
    cast(null as varchar) as event,
    cast(null as varchar) as decided_by,
    cast(null as timestamptz) as decided_at,
    cast(null as varchar) as reason
where 1 = 0
{%- endif %}
