{#-
    What an incremental model has to write anew: the table of this name holds the touched keys, and lives as
    long as the connection. Its columns are those of the key, each after `touched_`; `touched_row_hash` is the hash
    of a key's inputs (`changed_inputs`).
-#}
{% macro touched() -%}
    memory.main.touched_{{ this.identifier }}
{%- endmacro %}


{#- Note the keys that this query finds as those to write anew; none where all inputs are those of the last time. -#}
{% macro touch(keys) %}
    {%- do run_query(
        "create or replace table " ~ touched() ~ " as select columns('(.*)') as 'touched_\\1' from (" ~ keys ~ ")"
        ~ (" limit 0" if is_unchanged() else "")
    ) -%}
{% endmacro %}


{% macro touched_count() %}
    {{ return(run_query("select count(*) from " ~ touched()).columns[0].values()[0]) }}
{% endmacro %}


{#- Whether the key of a row is among the touched ones; keys may have gaps. Joined rows name whose with `of`. -#}
{% macro is_touched(of=none) -%}
    exists (
        select 1
        from {{ touched() }}
        where
            {%- for column in run_query("describe " ~ touched()).columns[0].values() if column != 'touched_row_hash' %}
            {{ "and " if not loop.first }}{{ column }} is not distinct from {{ of ~ "." if of }}{{ column[8:] }}
            {%- endfor %}
    )
{%- endmacro %}


{#- For the rows of one input of an incremental model: all of them, or the touched ones. -#}
{% macro where_touched(of=none, written='where') -%}
    {%- if is_refreshed() -%}
    {{ written }} {{ is_touched(of) }}
    {%- endif -%}
{%- endmacro %}


{#- Whether this run writes only what was touched. -#}
{% macro is_refreshed() %}
    {{ return(is_written() and is_incremental()) }}
{% endmacro %}


{#- Whether the model is written at all: not while dbt only compiles, nor in a unit test. -#}
{% macro is_written() %}
    {{ return(execute and model.resource_type == 'model' and flags.WHICH in ('run', 'build')) }}
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
        {%- do touch(changed_keys('(' ~ hashed ~ ')', key)) -%}
    {%- endif -%}
    select *
    from (
        {{ hashed }}
    ) as hashed
    {{ where_touched() }}
{%- endmacro %}


{#-
    The key and the hash of the inputs of what a model has to write, which finds that out by comparing what the rows
    of a key are computed of: for models whose rows cost more than a look at their inputs. `inputs` gives `key` and
    the `row_hash` of its inputs, the model keeps that hash, and a query `also` finds keys to write anew for another
    reason. Inputs are hashed once: beside each touched key stands its hash, none where nothing is found any more.
    To be said before `where_touched()`.
-#}
{% macro changed_inputs(inputs, key, also=none) %}
    {%- if not is_refreshed() -%}
        {{ return(inputs) }}
    {%- endif -%}
    {%- set keys -%}
        with found as {{ materialized_once() }} (
            select {{ key }}, row_hash from ({{ inputs }}) as inputs
        ),

        touched as (
            {{ changed_keys('found', [key]) }}
            {{ "union " ~ also if also }}
        )

        select
            touched.{{ key }},
            found.row_hash
        from touched
        left join found on touched.{{ key }} = found.{{ key }}
    {%- endset -%}
    {%- do touch(keys) -%}
    {{ return(
        "select touched_" ~ key ~ " as " ~ key ~ ", touched_row_hash as row_hash from " ~ touched()
        ~ " where touched_row_hash is not null"
    ) }}
{% endmacro %}


{#- The keys of rows that are found and not written so, and of those that are written and not found any more. -#}
{% macro changed_keys(found, key) %}
    select distinct
        {%- for column in key %}
        case when found.row_hash is null then written.{{ column }} else found.{{ column }} end as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ found }} as found
    full join {{ this }} as written on found.row_hash = written.row_hash
    where found.row_hash is null or written.row_hash is null
{% endmacro %}


{#- Of a whole row, by its alias; none of its columns may have that name, for it would be hashed instead. -#}
{% macro row_hash(alias) -%}
    {{ return(adapter.dispatch('row_hash', 'fourflow')(alias)) }}
{%- endmacro %}


{% macro duckdb__row_hash(alias) -%}
    hash({{ alias }})
{%- endmacro %}
