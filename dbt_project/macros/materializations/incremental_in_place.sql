{#
    Incremental models, in place and in one transaction: what was touched is deleted and written anew,
    everything else stays. Which keys those are stands in the table that `touched()` names, made while
    the model was compiled; its columns are the key. A model without such a table appends.

    A model is written anew as a whole when it is new, when it is asked to be (`--full-refresh`), and when
    what it is computed by has changed since its rows were (`should_full_refresh`).
#}
{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
    {%- do prepare_tables() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set grant_config = config.get('grants') -%}
    {%- set is_whole = existing is none or not existing.is_table or should_full_refresh() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if not is_whole and is_unchanged() -%}
        {% call noop_statement('main', 'unchanged', 'SELECT', 0) -%} {%- endcall %}
    {%- elif is_whole -%}
        {%- do note_written() -%}
        {%- set fits = is_prepared() or (
            existing is not none and existing.is_table
            and lake_columns_are_unchanged(existing, compiled_code)
        ) -%}
        {%- if not fits and existing is not none -%}
            {{ adapter.drop_relation(existing) }}
        {%- endif -%}
        {% call statement('main') -%}
            {%- if fits %}
            {%- if config.get('contract').enforced -%}{{ get_assert_columns_equivalent(compiled_code) }}{%- endif %}
            {%- if not is_prepared() %}
            truncate {{ target_relation }};
            {%- endif %}
            insert into {{ target_relation }} by name (
            {{ compiled_code }}
            )
            {%- else -%}
            {{ create_table_as(False, target_relation, compiled_code, 'sql') }}
            {%- endif %}
        {%- endcall %}
    {%- elif config.get('incremental_strategy') == 'append' -%}
        {%- do note_written() -%}
        {% call statement('main') -%}
            insert into {{ target_relation }} by name (
            {{ compiled_code }}
            )
        {%- endcall %}
    {%- elif touched_count() == 0 -%}
        {% call noop_statement('main', 'unchanged', 'SELECT', 0) -%} {%- endcall %}
    {%- else -%}
        {%- do note_written() -%}
        {% call statement('main') -%}
            delete from {{ target_relation }} where {{ is_touched() }};
            insert into {{ target_relation }} by name (
            {{ compiled_code }}
            )
        {%- endcall %}
    {%- endif -%}
    {%- if is_whole or not is_unchanged() -%}
        {%- do note_touches(is_whole) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(target_relation, grant_config, should_revoke=False) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
