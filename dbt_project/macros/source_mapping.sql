{#- What a source's YAML declares about one entity: the same mapping that the file reader obeys. -#}
{% macro source_mapping(source_name, entity) %}
    {%- set found = [] -%}
    {%- for node in graph.sources.values() if node.source_name == source_name and node.name == entity -%}
        {%- do found.append(node) -%}
    {%- endfor -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            "Source " ~ source_name ~ " declares no entity " ~ entity ~ "; add it to models/staging/"
            ~ source_name ~ "/_" ~ source_name ~ "__sources.yml."
        ) }}
    {%- endif -%}
    {%- set node = found[0] -%}
    {%- set mapping = node.config.meta.get('fourflow') or node.meta.get('fourflow') -%}
    {%- set of_source = node.source_meta.get('fourflow', {}) -%}
    {%- set staging = node.config.meta.get('staging') or node.meta.get('staging') or {} -%}
    {%- set declared = {
        'columns': mapping['columns'],
        'record_key': mapping['record_key'],
        'time_zone': mapping.get('time_zone') or of_source['time_zone'],
        'currency_code': mapping.get('currency_code') or of_source.get('currency_code'),
        'amount': staging.get('amount'),
        'event_at': staging.get('event_at'),
        'version_by': staging.get('version_by'),
        'is_answer': not mapping.get('files'),
        'record_of': mapping.get('record_of'),
        'records_in': mapping.get('records_in'),
        'parent_key': mapping.get('parent_key', []),
    } -%}
    {%- if staging.get('refuse') -%}
        {%- do declared.update({'refuse': staging['refuse']}) -%}
    {%- endif -%}
    {{ return(declared) }}
{% endmacro %}


{#- Changes when the mapping or the parsing rules change; staged rows carry it, and rows of an
    older version are staged again from bronze (see should_full_refresh below). -#}
{% macro mapping_version(source_name, entity) %}
    {%- set parser_version = 3 -%}
    {{ return(local_md5(parser_version ~ tojson(source_mapping(source_name, entity), sort_keys=true))) }}
{% endmacro %}


{#- Whether an installation reads this source: its models are built only then. Without a list, all are. -#}
{% macro source_is_enabled(source_name) %}
    {%- set listed = env_var('FOURFLOW_ENABLED_SOURCES', '') -%}
    {{ return(not listed or source_name in listed.split(',')) }}
{% endmacro %}
