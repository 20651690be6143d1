{#
    The tables that a run has to write and that are not there yet are created empty, in one transaction, when the
    first of them comes: DuckLake reads its whole catalogue again after each change of schema (docs/adr/0006). Columns
    and types are those of the contract. Models without one, or with a type that the engine does not know, create
    their own, and so do those that read no model: they come before staging, to which a small catalogue is worth more.

    An empty table must never look built. `node_states` says `prepared` of it until its model has succeeded, and what
    was noted of how its rows were written is forgotten. What did not succeed is dropped at the end of the run. What
    a killed run left is written by the next, or dropped at its end where the project has no such model any more.

    Nodes that are written side by side would each wait for the first, so this is for one thread, as in our profile.
#}
{% macro prepare_tables() %}
    {%- if load_cached_relation(this) is none and can_be_prepared(model) and target.threads == 1
            and not run_memory('preparing') -%}
        {%- do run_memory('preparing').update({'begun': true}) -%}
        {%- set prepared, statements, nodes, states = {}, [], [], [] -%}
        {%- for unique_id in selected_resources | sort
                if unique_id in graph.nodes and can_be_prepared(graph.nodes[unique_id]) -%}
            {%- set node = graph.nodes[unique_id] -%}
            {%- set table = api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.alias, type='table'
            ) -%}
            {%- if load_cached_relation(table) is none and engine_knows_types_of(node) -%}
                {%- do prepared.update({unique_id: table}) -%}
                {%- do nodes.append("'" ~ unique_id ~ "'") -%}
                {%- do states.append("('" ~ unique_id ~ "', 'prepared " ~ node.schema ~ "." ~ node.alias ~ "')") -%}
                {%- do statements.append(
                    "create table " ~ table ~ " ("
                    ~ adapter.render_raw_columns_constraints(raw_columns=node.columns) | join(', ') ~ ")"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if prepared -%}
            {%- set reference = target.database ~ ".reference" -%}
            {%- do in_one_transaction(statements + [
                "delete from " ~ reference ~ ".model_states where model in (" ~ nodes | join(', ') ~ ")",
                "delete from " ~ reference ~ ".node_states where node in (" ~ nodes | join(', ') ~ ")",
                "insert into " ~ reference ~ ".node_states values " ~ states | join(', '),
            ]) -%}
            {%- for table in prepared.values() -%}{%- do adapter.cache_added(table) -%}{%- endfor -%}
            {%- do run_memory('prepared').update(prepared) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#- Whether this run has made the table of this model: it is empty and has the columns of the contract. -#}
{% macro is_prepared() %}
    {{ return(model.unique_id in run_memory('prepared')) }}
{% endmacro %}


{% macro can_be_prepared(node) %}
    {{ return(
        node.resource_type == 'model' and node.language == 'sql' and node.contract.enforced
        and node.config.materialized in ('table', 'incremental') and 'model.' in node.depends_on.nodes | join(' ')
    ) }}
{% endmacro %}


{#- A type that it does not know fails its own model, not all tables. -#}
{% macro engine_knows_types_of(node) %}
    {%- set known = run_memory('types') -%}
    {%- if not known -%}
        {%- for name in run_query("select distinct lower(type_name) from duckdb_types()").columns[0].values() -%}
            {%- do known.update({name: true}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for column in node.columns.values()
            if modules.re.split('[(\[]', column.data_type or '')[0].strip() | lower not in known -%}
        {{ return(false) }}
    {%- endfor -%}
    {{ return(node.columns | length > 0) }}
{% endmacro %}


{#- At the end of a run: drop what it has prepared and not written, and what a killed run has prepared for models
    that are gone. -#}
{% macro drop_unwritten(results) %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- set statements, written, in_project = [], [], [] -%}
    {%- for result in results if result.status | string == 'success' -%}
        {%- do written.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- for unique_id, table in run_memory('prepared').items() if unique_id not in written -%}
        {%- do statements.extend(["drop table if exists " ~ table, forget_node(unique_id)]) -%}
    {%- endfor -%}
    {%- for unique_id, state in noted_states().items()
            if unique_id and unique_id not in graph.nodes and state.startswith('prepared ') -%}
        {%- if not in_project -%}
            {%- for node in graph.nodes.values() -%}
                {%- do in_project.append(node.schema ~ '.' ~ node.alias) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- set table = state.removeprefix('prepared ') -%}
        {%- if table not in in_project -%}
            {%- do statements.append("drop table if exists " ~ target.database ~ "." ~ table) -%}
        {%- endif -%}
        {%- do statements.append(forget_node(unique_id)) -%}
    {%- endfor -%}
    {%- if statements -%}{%- do in_one_transaction(statements) -%}{%- endif -%}
{% endmacro %}


{% macro forget_node(unique_id) %}
    {{ return("delete from " ~ target.database ~ ".reference.node_states where node = '" ~ unique_id ~ "'") }}
{% endmacro %}


{% macro in_one_transaction(statements) %}
    {%- do run_query("begin; " ~ statements | join("; ") ~ "; commit") -%}
{% endmacro %}
