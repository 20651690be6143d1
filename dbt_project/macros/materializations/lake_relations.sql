{#
    What stands in the lake, by the table functions that Fourflow's plugin gives dbt's connection
    (connectors/lake/tables.py): dbt-duckdb's own query counts the rows of every table.
#}
{% macro duckdb__list_relations_without_caching(schema_relation) %}
    {{ return(run_query(
        "select '" ~ schema_relation.database ~ "' as database, table_name as name, schema_name as schema, "
        ~ "relation_type as type from memory.main.lake_relations() where lower(schema_name) = '"
        ~ schema_relation.schema | lower ~ "'"
    )) }}
{% endmacro %}


{# The comment of a view or table as it was when the run began; empty when it had none. #}
{% macro lake_comment(relation) %}
    {%- set key = 'comments_' ~ invocation_id -%}
    {%- if key not in graph -%}
        {%- set comments = {} -%}
        {%- for row in run_query("select * from memory.main.lake_comments()").rows -%}
            {%- do comments.update({row[0] ~ '.' ~ row[1]: row[2]}) -%}
        {%- endfor -%}
        {%- do graph.update({key: comments}) -%}
    {%- endif -%}
    {{ return(graph[key].get(relation.schema ~ '.' ~ relation.identifier, '')) }}
{% endmacro %}
