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


{#-
    The rows of a query with the hash of each, for models that find out by comparing which rows have changed:
    `key` of every row that is not in the model as it is, and of every row of the model that is not found any
    more, is touched. Rows must be distinct.
-#}
{% macro changed_rows(query, key) %}
    {%- set hashed -%}
        select
            found.*,
            {{ row_hash('found') }} as row_hash
        from (
            {{ query }}
        ) as found
    {%- endset -%}
    {%- if is_refreshed() -%}
        {%- do touch(changed_keys(hashed, key | join(', '))) -%}
    {%- endif -%}
    select changed.*
    from (
        {{ hashed }}
    ) as changed
    {{ where_touched('changed') }}
{%- endmacro %}


{% macro changed_keys(hashed, key) %}
    with found as (
        select {{ key }}, row_hash from ({{ hashed }}) as hashed
    ),

    written as (
        select {{ key }}, row_hash from {{ this }}
    )

    select {{ key }} from found
    where not exists (select 1 from written where written.row_hash = found.row_hash)
    union
    select {{ key }} from written
    where not exists (select 1 from found where found.row_hash = written.row_hash)
{% endmacro %}


{% macro row_hash(alias) -%}
    {{ return(adapter.dispatch('row_hash', 'fourflow')(alias)) }}
{%- endmacro %}


{% macro duckdb__row_hash(alias) -%}
    hash({{ alias }})
{%- endmacro %}
