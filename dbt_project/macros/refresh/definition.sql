{#- dbt's own rule, plus: an incremental model is written anew as a whole when what it is computed by has changed
    since its rows were, so that an edit takes effect on old rows without a flag; and one that follows a flow
    when all of that was touched. -#}
{% macro should_full_refresh() %}
    {%- set asked = config.get('full_refresh') -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- if asked or not execute or model.resource_type != 'model' or config.get('materialized') != 'incremental' -%}
        {{ return(asked) }}
    {%- endif -%}
    {%- if is_prepared() -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set written = load_cached_relation(this) -%}
    {%- if written is none or not written.is_table or is_unchanged() -%}
        {{ return(asked) }}
    {%- endif -%}
    {%- set decided = graph.setdefault('whole_' ~ invocation_id, {}) -%}
    {%- if model.unique_id not in decided -%}
        {%- do decided.update({
            model.unique_id: model_state().definition != model_definition() or all_are_touched()
        }) -%}
    {%- endif -%}
    {{ return(decided[model.unique_id]) }}
{% endmacro %}


{#- Hash of what an incremental model is computed by: its SQL, that of the views it reads, the seeds, the
    project's macros and variables; and for a source's records the mapping that read them. -#}
{% macro model_definition() %}
    {%- set parts = definition_parts(model.unique_id) -%}
    {#- Parsing anew costs most: the mapping's version says when the parser has changed. -#}
    {%- if not model.name.startswith('stg_') -%}
        {%- do parts.append(macros_hash()) -%}
    {%- endif -%}
    {%- set record = model.name.removeprefix('stg_').removeprefix('int_').removesuffix('_classified').split('__') -%}
    {%- if model.name.startswith('stg_') or model.name.endswith('_classified') -%}
        {%- do parts.append(mapping_version(record[0], record[1])) -%}
    {%- endif -%}
    {{ return(local_md5(parts | join(' '))) }}
{% endmacro %}


{#- The same where a model is written, for a hash of inputs that others compare: they follow an edit of this model. -#}
{% macro definition_hash() %}
    {{ return(model_definition() if is_written() else '') }}
{% endmacro %}


{% macro macros_hash() %}
    {%- set key = 'macros_' ~ invocation_id -%}
    {%- if key not in graph -%}
        {%- do graph.update({key: run_query("select memory.main.fourflow_macros_hash()").rows[0][0]}) -%}
    {%- endif -%}
    {{ return(graph[key]) }}
{% endmacro %}


{% macro definition_parts(unique_id) %}
    {%- set node = graph.nodes[unique_id] -%}
    {%- set parts = [node.checksum.checksum] -%}
    {%- for upstream in node.depends_on.nodes | sort if upstream in graph.nodes -%}
        {%- set read = graph.nodes[upstream] -%}
        {%- if read.resource_type == 'seed' -%}
            {%- do parts.append(read.checksum.checksum) -%}
        {%- elif read.config.materialized == 'view' -%}
            {%- do parts.extend(definition_parts(upstream)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}


{#- What is noted of how this model was last written; all notes are read once in a run. -#}
{% macro model_state() %}
    {%- set key = 'states_' ~ invocation_id -%}
    {%- if key not in graph -%}
        {%- set states = {} -%}
        {%- set noted = run_query(
            "select model, definition, touch_number from " ~ target.database ~ ".reference.model_states"
        ) -%}
        {%- for row in noted.rows -%}
            {%- do states.update({row[0]: {'definition': row[1], 'touch_number': row[2]}}) -%}
        {%- endfor -%}
        {%- do graph.update({key: states}) -%}
    {%- endif -%}
    {{ return(graph[key].get(model.unique_id, {'definition': '', 'touch_number': -1})) }}
{% endmacro %}


{#- Note how this model is written now; what is noted already is left alone. -#}
{% macro write_model_state(touch_number) %}
    {%- set states = target.database ~ ".reference.model_states" -%}
    {%- set state = {'definition': model_definition(), 'touch_number': touch_number} -%}
    {%- if model_state() != state -%}
        {%- do run_query("delete from " ~ states ~ " where model = '" ~ model.unique_id ~ "'") -%}
        {%- do run_query(
            "insert into " ~ states ~ " values ('" ~ model.unique_id ~ "', '" ~ state.definition ~ "', "
            ~ touch_number ~ ")"
        ) -%}
    {%- endif -%}
{% endmacro %}
