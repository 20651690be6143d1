{#-
    What need not be done again. A node whose definition and inputs are those of its last success is left as it is: a
    model keeps its rows, a test its verdict. `reference.node_states` keeps of each node one hash of
    - its definition: the compiled SQL, for incremental models what `model_definition` says;
    - the content of every table and seed it reads, through views, as the lake's catalogue identifies it: an insert,
      a delete or an update by anybody gives a table another content (`contents_query` in connectors/lake/tables.py);
    - for a model also its own content: a table whose rows another hand has changed is written again.

    Only successes are noted, at the end of a run. A failed or killed run notes nothing of what it did not finish, and
    what it wrote has another content than the last note says: it is done again. A test that failed or warned runs
    again. `--full-refresh` does everything. What is computed from the wall clock or by chance must not be a model.
-#}
{% macro is_unchanged() %}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'test') -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set judged = run_memory('unchanged') -%}
    {%- if model.unique_id not in judged -%}
        {%- set state = node_state(model.unique_id, node_definition(), contents()) -%}
        {%- do judged.update({
            model.unique_id: not flags.FULL_REFRESH and not inputs_were_written(model.unique_id)
                and noted_states().get(model.unique_id) == state
        }) -%}
    {%- endif -%}
    {{ return(judged[model.unique_id]) }}
{% endmacro %}


{#- To be said of every model whose rows, or whose definition as a view, this run has written. What its rows were
    computed by is known from here on, also where nobody asked because the table is new. -#}
{% macro note_written() %}
    {%- do run_memory('written').update({model.unique_id: true}) -%}
    {%- if config.get('materialized') in ('table', 'incremental') -%}
        {%- do node_definition() -%}
    {%- endif -%}
{% endmacro %}


{#- What this node is computed by; remembered until the end of the run. -#}
{% macro node_definition() %}
    {%- set definitions = run_memory('definitions') -%}
    {%- if model.unique_id not in definitions -%}
        {%- if config.get('materialized') == 'incremental' -%}
            {%- set definition = model_definition() -%}
        {%- else -%}
            {%- set parts = [model.compiled_code or sql, model.get('contract', {}).get('checksum')] -%}
            {%- if model.language == 'python' -%}
                {%- do parts.append(run_query("select memory.main.fourflow_estimators_hash()").rows[0][0]) -%}
            {%- endif -%}
            {%- if model.resource_type == 'test' -%}
                {%- for rule in ('fail_calc', 'warn_if', 'error_if', 'severity', 'limit') -%}
                    {%- do parts.append(config.get(rule)) -%}
                {%- endfor -%}
            {%- endif -%}
            {%- set definition = local_md5(parts | join(' ')) -%}
        {%- endif -%}
        {%- do definitions.update({model.unique_id: definition}) -%}
    {%- endif -%}
    {{ return(definitions[model.unique_id]) }}
{% endmacro %}


{#- One hash of a node's definition, its own content and that of its inputs. -#}
{% macro node_state(unique_id, definition, contents) %}
    {%- set parts = [definition] -%}
    {%- if graph.nodes[unique_id].resource_type != 'test' -%}
        {%- do parts.append(contents.get(unique_id)) -%}
    {%- endif -%}
    {%- for input in node_inputs(unique_id) -%}
        {%- do parts.append(input ~ ' ' ~ contents.get(input)) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join(', '))) }}
{% endmacro %}


{% macro inputs_were_written(unique_id) %}
    {%- set written = run_memory('written') -%}
    {%- for input in node_inputs(unique_id) if input in written -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}


{#- Sources, seeds, tables and views that a node reads, and what those views read; sorted. -#}
{% macro node_inputs(unique_id) %}
    {%- set found = run_memory('inputs') -%}
    {%- if unique_id not in found -%}
        {%- set inputs = {} -%}
        {%- for upstream in graph.nodes[unique_id].depends_on.nodes -%}
            {%- do inputs.update({upstream: true}) -%}
            {%- if upstream in graph.nodes and graph.nodes[upstream].config.materialized == 'view' -%}
                {%- for further in node_inputs(upstream) -%}{%- do inputs.update({further: true}) -%}{%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do found.update({unique_id: inputs | sort}) -%}
    {%- endif -%}
    {{ return(found[unique_id]) }}
{% endmacro %}


{#- The content of each source, seed and model, as the catalogue identifies it; by default as when the run began. -#}
{% macro contents(moment='begin') %}
    {%- set read = run_memory('contents_' ~ moment) -%}
    {%- if not read -%}
        {%- set in_lake = {} -%}
        {%- for row in run_query("select * from memory.main.lake_contents()").rows -%}
            {%- do in_lake.update({row[0] ~ '.' ~ row[1]: row[2]}) -%}
        {%- endfor -%}
        {%- for node in (graph.nodes.values() | list) + (graph.sources.values() | list)
                if node.resource_type in ('model', 'seed', 'source') -%}
            {%- do read.update({
                node.unique_id: in_lake.get(node.schema ~ '.' ~ (node.get('alias') or node.identifier))
            }) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(read) }}
{% endmacro %}


{% macro noted_states() %}
    {%- set noted = run_memory('noted') -%}
    {%- if not noted -%}
        {%- set rows = run_query("select node, state from " ~ target.database ~ ".reference.node_states").rows -%}
        {%- do noted.update({none: none}) -%}
        {%- for row in rows -%}{%- do noted.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- endif -%}
    {{ return(noted) }}
{% endmacro %}


{#- At the end of a run: note what was done and succeeded. What the run wrote itself is noted as it is now; all else as
    it was when the run began, because another process may have added to it meanwhile. -#}
{% macro note_states(results) %}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'test') -%}
        {{ return('') }}
    {%- endif -%}
    {%- set current = {} -%}
    {%- do current.update(contents()) -%}
    {%- for unique_id in run_memory('written') -%}
        {%- do current.update({unique_id: contents('end').get(unique_id)}) -%}
    {%- endfor -%}
    {%- set definitions, states = run_memory('definitions'), [] -%}
    {%- for result in results
            if result.status | string in ('success', 'pass') and result.node.unique_id in definitions -%}
        {%- set unique_id = result.node.unique_id -%}
        {%- set state = node_state(unique_id, definitions[unique_id], current) -%}
        {%- if noted_states().get(unique_id) != state -%}
            {%- do states.append("('" ~ unique_id ~ "', '" ~ state ~ "')") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if states -%}
        {%- set table = target.database ~ ".reference.node_states" -%}
        {%- set noted = "(values " ~ states | join(', ') ~ ") as noted (node, state)" -%}
        begin;
        delete from {{ table }} where node in (select node from {{ noted }});
        insert into {{ table }} select * from {{ noted }};
        commit
    {%- endif -%}
{% endmacro %}


{#- Something that lasts as long as this run, by name. -#}
{% macro run_memory(name) %}
    {{ return(graph.setdefault(name ~ '_' ~ invocation_id, {})) }}
{% endmacro %}


{#- A test that passed on the content that is there passes again without being asked. -#}
{% macro duckdb__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- if is_unchanged() -%}
    select 0 as failures, false as should_warn, false as should_error
    {%- else -%}
    {{ default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
    {%- endif -%}
{%- endmacro %}
