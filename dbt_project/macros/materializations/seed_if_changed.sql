{#
    A seed whose file and column types are those of the table in the lake is left alone, like a
    view whose definition is unchanged: loading sixteen small files anew cost every run seconds.
    The hash of both is kept as the table's comment. dbt names a file above 1 MB by its path, not
    by its content; such a one is loaded each time.
#}
{% materialization seed, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set checksum = model['checksum'] -%}
    {%- set content = 'content ' ~ local_md5(
        checksum['checksum'] ~ config.get('column_types', {}) | string
    ) -%}

    {%- set agate_table = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if existing is not none and existing.is_table and not should_full_refresh()
            and checksum['name'] == 'sha256' and lake_comment(existing) == content -%}
        {% call noop_statement('main', 'unchanged', 'SELECT', 0) -%} {%- endcall %}
    {%- else -%}
        {%- do note_written() -%}
        {%- if existing is not none -%}
            {{ adapter.drop_relation(existing) }}
        {%- endif -%}
        {%- set created = create_csv_table(model, agate_table) -%}
        {%- set loaded = load_csv_rows(model, agate_table) if agate_table.rows else '' -%}
        {%- set row_count = agate_table.rows | length -%}
        {% call noop_statement('main', 'INSERT ' ~ row_count, 'INSERT', row_count) -%}
            {{ get_csv_sql(created, loaded) }}
        {%- endcall %}
        {%- do run_query("comment on table " ~ target_relation ~ " is '" ~ content ~ "'") -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
