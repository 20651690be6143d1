{#- dbt's own rule, plus: an incremental model is written anew as a whole when what it is computed by has changed
    since its rows were, so that an edit takes effect on old rows without a flag; and one that follows a flow
    when all of that was touched. -#}
{% macro should_full_refresh() %}
    {%- set asked = config.get('full_refresh') -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- if asked or not execute or model.resource_type != 'model' or config.get('materialized') != 'incremental' -%}
        {{ return(asked) }}
    {%- endif -%}
    {%- set written = load_cached_relation(this) -%}
    {%- if written is none or not written.is_table -%}
        {{ return(asked) }}
    {%- endif -%}
    {{ return(lake_comment(written) != model_definition() or all_are_touched()) }}
{% endmacro %}


{#- Hash of what an incremental model is computed by: its SQL, that of the views it reads, the seeds, the
    project's macros and variables; and for a source's records the mapping that read them. -#}
{% macro model_definition() %}
    {%- set parts = definition_parts(model.unique_id) -%}
    {#- Parsing anew costs most: the mapping's version says when the parser has changed. -#}
    {%- if not model.name.startswith('stg_') -%}
        {%- do parts.append(run_query("select memory.main.fourflow_macros_hash()").columns[0].values()[0]) -%}
    {%- endif -%}
    {%- set record = model.name.removeprefix('stg_').removeprefix('int_').removesuffix('_classified').split('__') -%}
    {%- if model.name.startswith('stg_') or model.name.endswith('_classified') -%}
        {%- do parts.append(mapping_version(record[0], record[1])) -%}
    {%- endif -%}
    {{ return('definition ' ~ local_md5(parts | join(' '))) }}
{% endmacro %}


{% macro definition_parts(unique_id) %}
    {%- set node = graph.nodes[unique_id] -%}
    {%- set parts = [node.checksum.checksum] -%}
    {%- for upstream in node.depends_on.nodes | sort if upstream in graph.nodes -%}
        {%- set read = graph.nodes[upstream] -%}
        {%- if read.resource_type == 'seed' -%}
            {%- do parts.append(read.checksum.checksum) -%}
        {%- elif read.config.materialized == 'view' -%}
            {%- do parts.extend(definition_parts(upstream)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}
