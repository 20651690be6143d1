{#
    Runs at the end of every dbt build, while dbt still holds the writer lock: notes which run
    built the lake, up to which snapshot, and how many nodes failed. Publishing reads this row as
    the proof that what it publishes is what was tested.
#}
{% macro record_build(results) %}
    {% if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot') %}
        {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error']) | list | length %}
        {% do run_query("create schema if not exists " ~ target.database ~ ".reference") %}
        {% do run_query(
            "create table if not exists " ~ target.database ~ ".reference.build_log ("
            "run_id varchar, invocation_id varchar, snapshot_id bigint, failed_count bigint, "
            "node_count bigint, finished_at timestamptz)"
        ) %}
        {% do run_query(
            "insert into " ~ target.database ~ ".reference.build_log "
            "select '" ~ env_var('FOURFLOW_RUN_ID', 'manual') ~ "', '" ~ invocation_id ~ "', "
            "max(snapshot_id), " ~ failed ~ ", " ~ (results | length) ~ ", now() "
            "from ducklake_snapshots('" ~ target.database ~ "')"
        ) %}
    {% endif %}
{% endmacro %}
