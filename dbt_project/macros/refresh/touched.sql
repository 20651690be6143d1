{#-
    What an incremental model has to write anew: the table of this name holds the touched keys, and lives as
    long as the connection. Its columns are the key.
-#}
{% macro touched() -%}
    memory.main.touched_{{ this.identifier }}
{%- endmacro %}


{#- Note the keys that this query finds as those to write anew. -#}
{% macro touch(keys) %}
    {%- do run_query("create or replace table " ~ touched() ~ " as " ~ keys) -%}
{% endmacro %}


{% macro touched_count() %}
    {{ return(run_query("select count(*) from " ~ touched()).columns[0].values()[0]) }}
{% endmacro %}


{#- Whether the key of a row is among the touched ones; keys may have gaps. -#}
{% macro is_touched(alias) -%}
    exists (
        select 1
        from {{ touched() }} as touched
        where
            {%- for column in run_query("describe " ~ touched()).columns[0].values() %}
            {{ "and " if not loop.first }}{{ alias }}.{{ column }} is not distinct from touched.{{ column }}
            {%- endfor %}
    )
{%- endmacro %}


{#- For the rows of one input of an incremental model: all of them, or the touched ones. -#}
{% macro where_touched(alias, written='where') -%}
    {%- if is_refreshed() -%}
    {{ written }} {{ is_touched(alias) }}
    {%- endif -%}
{%- endmacro %}


{#- Whether this run writes only what was touched: never while dbt only compiles. -#}
{% macro is_refreshed() %}
    {{ return(
        execute and model.resource_type == 'model' and flags.WHICH in ('run', 'build') and is_incremental()
    ) }}
{% endmacro %}
