{#- Records that the files of each committed load held; nothing where no file has been received yet. -#}
{% macro received_record_counts() %}
    {%- set files = source('bronze', 'received_files') -%}
    {%- set loads = source('bronze', '_dlt_loads') -%}
    {%- if execute and has_arrived(files) %}
    select
        source,
        entity,
        _dlt_load_id as load_id,
        cast(sum(record_count) as bigint) as record_count
    from {{ files }}
    where _dlt_load_id in (select load_id from {{ loads }} where status = 0)
    group by source, entity, _dlt_load_id
    having sum(record_count) > 0
    {%- else %}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as entity,
        cast(null as varchar) as load_id,
        cast(null as bigint) as record_count
    where 1 = 0
    {%- endif %}
{% endmacro %}


{#- Entities with a file mapping that `source_entities` does not list. -#}
{% macro unlisted_entities() %}
    {%- set missing = [] -%}
    {%- for node in graph.get('sources', {}).values() if node.source_meta.get('fourflow') -%}
        {%- if node.name not in var('source_entities').get(node.source_name, []) -%}
            {%- do missing.append(node.source_name ~ '.' ~ node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in missing %}
select '{{ name }}' as add_to_source_entities
        {%- if not loop.last %}
union all
        {%- endif -%}
    {%- endfor -%}
    {%- if not missing %}
select cast(null as varchar) as add_to_source_entities where 1 = 0
    {%- endif -%}
{% endmacro %}
