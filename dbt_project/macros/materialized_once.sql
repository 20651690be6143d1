{#- Says that a common table expression is computed once however often it is read. -#}
{% macro materialized_once() -%}
    {{ return(adapter.dispatch('materialized_once')()) }}
{%- endmacro %}

{% macro default__materialized_once() -%}
{%- endmacro %}

{% macro duckdb__materialized_once() -%}
    materialized
{%- endmacro %}
