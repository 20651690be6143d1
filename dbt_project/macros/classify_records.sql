{#- What becomes of every staged record of one entity: used, duplicate or quarantined, and which of the
    used ones is the newest version. Dispositions never change when later loads arrive.

    Duplicate: the same content was received before. Entities with a version clock (`version_by`) or
    without a key compare with everything received; keyed entities without a clock compare with the
    record's previous version only, because they may return to an earlier content.

    Incremental: a record depends on those of its key (of its parent, without a key of its content), so new
    loads touch their keys, and those of every row of a file that has a newer version now.

    Alive: some occurrence of the content is in the newest version of its file. A row that vanished
    from a newer version of its file is no longer current; neither is an element that is not in the
    newest version of the record that it was an element of (`parent_key`). -#}
{% macro classify_records(source_name, entity) %}
    {%- set staged = ref('stg_' ~ source_name ~ '__' ~ entity) -%}
    {%- set files = source('bronze', 'received_files') -%}
    {%- set loads = source('bronze', '_dlt_loads') -%}
    {%- if execute -%}
        {%- set mapping = source_mapping(source_name, entity) -%}
        {%- if is_refreshed() -%}
            {%- do touch(keys_of_new_loads(staged, mapping)) -%}
        {%- endif -%}
        {{- classified_records(
            staged, mapping.record_key, mapping.version_by, source_name, entity,
            files if not mapping.is_answer and has_arrived(files) else none, loads, mapping.parent_key
        ) -}}
    {%- else -%}
        select 1
    {%- endif -%}
{% endmacro %}


{#- The keys whose records are to be classified anew: see `classify_records`. -#}
{% macro keys_of_new_loads(staged, mapping) %}
    {%- set key = (mapping.parent_key or mapping.record_key or ['record_hash']) | join(', ') -%}
with new_records as (
    select {{ key }}, file_name
    from {{ staged }}
    where load_id not in (select load_id from {{ this }})
)

select {{ key }} from new_records
union
select {{ key }}
from {{ staged }}
where file_name in (select file_name from new_records)
{% endmacro %}


{% macro classified_records(
    staged, record_key, version_by, source_name, entity, files, loads, parent_key=[]
) %}
    {%- set received_order = 'received_at, load_id, file_name, record_number, source_id' -%}
    {%- set newest_first = 'received_at desc, load_id desc, file_name desc, record_number desc, source_id desc' -%}
    {%- set key = record_key | join(', ') -%}
with file_versions as (
    {%- if files is none %}
    select cast(null as varchar) as file_name, cast(null as varchar) as newest_sha256 where 1 = 0
    {%- else %}
    select
        file_name,
        file_sha256 as newest_sha256
    from {{ files }}
    where source = '{{ source_name }}'
        and entity = '{{ entity }}'
        and _dlt_load_id in (select load_id from {{ loads }} where status = 0)
    qualify row_number() over (partition by file_name order by version desc, received_at desc) = 1
    {%- endif %}
),

records as (
    select
        staged.*,
        staged.reject_reason is not null as is_refused,
        {%- if parent_key and version_by %}
        coalesce(
            staged.{{ version_by }} < max(staged.{{ version_by }}) over (
                partition by {{ parent_key | join(', ') }}
            ),
            false
        ) as is_in_older_file
        {%- else %}
        coalesce(staged.file_sha256 != file_versions.newest_sha256, false) as is_in_older_file
        {%- endif %}
    from {{ staged }} as staged
    left join file_versions on staged.file_name = file_versions.file_name
    {{ where_touched('staged') }}
),
{%- if record_key and not version_by %}

compared as (
    select
        *,
        coalesce(
            record_hash = lag(record_hash) over (
                partition by is_refused, {{ key }} order by {{ received_order }}
            ),
            false
        ) as repeats_previous
    from records
),

grouped as (
    select
        *,
        sum(case when repeats_previous then 0 else 1 end) over (
            partition by is_refused, {{ key }}
            order by {{ received_order }}
            rows between unbounded preceding and current row
        ) as content_group
    from compared
),
{%- else %}

grouped as (
    select
        *,
        record_hash as content_group
    from records
),
{%- endif %}

occurrences as (
    select
        *,
        row_number() over (content_window order by {{ received_order }}) as occurrence_number,
        bool_or(not is_in_older_file) over (content_window) as is_alive
    from grouped
    window content_window as (partition by is_refused, {{ key ~ ', ' if key }}content_group)
),

disposed as (
    select
        *,
        case
            when is_refused then 'quarantined'
            when occurrence_number = 1 then 'used'
            else 'duplicate'
        end as disposition
    from occurrences
)

select
    * exclude (
        is_refused, occurrence_number, content_group, mapping_version
        {{- ', repeats_previous' if record_key and not version_by }}
    ),
    {%- if record_key %}
    disposition = 'used' and is_alive and row_number() over (
        partition by disposition, is_alive, {{ key }}
        order by {{ version_by ~ ' desc, ' if version_by }}{{ newest_first }}
    ) = 1 as is_current
    {%- else %}
    disposition = 'used' and is_alive as is_current
    {%- endif %}
from disposed
{% endmacro %}


{#- The rows of every entity's classified records that satisfy `condition`, with the columns they share. -#}
{% macro union_classified(columns, condition) %}
    {%- set every = [] -%}
    {%- for source_name, entities in var('source_entities').items() if source_is_enabled(source_name) -%}
        {%- for entity in entities -%}
            {%- do every.append((source_name, entity)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for source_name, entity in every %}
select
    '{{ source_name }}' as source,
    '{{ entity }}' as entity,
    {{ columns | join(',\n    ') }}
from {{ ref('int_' ~ source_name ~ '__' ~ entity ~ '_classified') }}
where {{ condition }}
        {%- if not loop.last %}
union all
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
