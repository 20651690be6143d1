{#- Seconds that a source may say nothing new: the strictest `warn_after` of its tables, as `dbt source freshness` has it;
    null for a source that declares none. -#}
{% macro freshness_limit_seconds(source) %}
    {%- set limits = {} -%}
    {%- set lengths = {'minute': 60, 'hour': 3600, 'day': 86400} -%}
    {%- for node in graph.get('sources', {}).values() if node.source_name in var('source_entities') -%}
        {%- set warn_after = (node.get('freshness') or node.config.get('freshness') or {}).get('warn_after') or {} -%}
        {%- if warn_after.get('count') -%}
            {%- set seconds = warn_after['count'] * lengths[warn_after['period']] -%}
            {%- do limits.update({node.source_name: [seconds, limits.get(node.source_name, seconds)] | min}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if limits -%}
    case {{ source }}
        {%- for name, seconds in limits.items() | sort %}
        when '{{ name }}' then {{ seconds }}
        {%- endfor %}
    end
    {%- else -%}
    cast(null as bigint)
    {%- endif -%}
{% endmacro %}
