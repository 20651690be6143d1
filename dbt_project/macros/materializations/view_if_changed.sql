{#
    A view whose definition is the one that stands in the lake is left alone: creating it again
    would make DuckLake read its whole catalogue anew (docs/adr/0006). The definition's hash is
    kept as the view's comment.
#}
{% materialization view, adapter='duckdb', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set definition = 'definition ' ~ local_md5(compiled_code) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if existing is not none and existing.is_view and not should_full_refresh()
            and lake_comment(existing) == definition -%}
        {% call statement('main') -%} select 1 as unchanged {%- endcall %}
    {%- else -%}
        {%- if existing is not none and not existing.is_view -%}
            {{ adapter.drop_relation(existing) }}
        {%- endif -%}
        {%- do note_written() -%}
        {% call statement('main') -%}
            create or replace view {{ target_relation }} as (
            {{ compiled_code }}
            );
            comment on view {{ target_relation }} is '{{ definition }}'
        {%- endcall %}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
