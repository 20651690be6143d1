{#
    Tables of the lake are refilled in place: truncate and insert in one transaction.

    dbt-duckdb's own way (build beside, rename twice, drop) changes the catalogue's schema four
    times per model, and DuckLake reads the whole catalogue anew after each: on a catalogue of 80
    tables that was five times the processor time of this way (docs/adr/0006). A table whose
    columns have changed is created anew. Readers are attached at published snapshots and see
    neither. A Python model gives a pyarrow table with the columns and types it always has.
    Nothing is done where definition and inputs are those of the last time (`is_unchanged`).
#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- do prepare_tables() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set grant_config = config.get('grants') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set has_contract = config.get('contract').enforced -%}
    {%- set is_left = existing is not none and existing.is_table and is_unchanged() -%}
    {%- if is_left -%}
        {% call noop_statement('main', 'unchanged', 'SELECT', 0) -%} {%- endcall %}
    {%- elif model['language'] == 'python' -%}
        {%- if existing is not none and not existing.is_table -%}
            {{ adapter.drop_relation(existing) }}
        {%- endif -%}
        {% call statement('main', language='python') -%}
            {{ python_table(target_relation, compiled_code) }}
        {%- endcall %}
    {%- elif is_prepared() -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
        {% call statement('main') -%}
            insert into {{ target_relation }} by name (
            {{ compiled_code }}
            )
        {%- endcall %}
    {%- elif existing is not none and existing.is_table and not should_full_refresh()
            and lake_columns_are_unchanged(existing, compiled_code) -%}
        {%- if has_contract -%}
            {{ get_assert_columns_equivalent(compiled_code) }}
        {%- endif -%}
        {% call statement('main') -%}
            truncate {{ target_relation }};
            insert into {{ target_relation }} by name (
            {{ compiled_code }}
            )
        {%- endcall %}
    {%- else -%}
        {%- if existing is not none -%}
            {{ adapter.drop_relation(existing) }}
        {%- endif -%}
        {% call statement('main') -%}
            {{ create_table_as(False, target_relation, compiled_code, 'sql') }}
        {%- endcall %}
    {%- endif -%}

    {%- if not is_left -%}{%- do note_written() -%}{%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(target_relation, grant_config, should_revoke=False) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# The program of a Python model: dbt calls `materialize` with what `model` returns. #}
{% macro python_table(relation, compiled_code) -%}
{{ compiled_code }}

def materialize(rows, connection):
    from connectors.lake.python_models import refill

    refill(connection, "{{ relation.database }}", "{{ relation.schema }}", "{{ relation.identifier }}", rows)
{%- endmacro %}

{# Whether the query would give exactly the columns and types that the table has. #}
{% macro lake_columns_are_unchanged(relation, query) %}
    {%- set present = run_query("describe " ~ relation) -%}
    {%- set wanted = run_query("describe " ~ query) -%}
    {%- set before = {} -%}
    {%- for row in present.rows -%}{%- do before.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set after = {} -%}
    {%- for row in wanted.rows -%}{%- do after.update({row[0]: row[1]}) -%}{%- endfor -%}
    {{ return(before == after) }}
{% endmacro %}
